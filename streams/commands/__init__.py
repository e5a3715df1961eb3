"""The commands of `tocsin`, one file each; `app.py` loads the one that was asked for."""
