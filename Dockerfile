# The worker's image: first every dependency as a wheel whose hash was checked, then only what runs.
FROM python:3.11.14-slim-bookworm AS wheels
WORKDIR /src
COPY requirements.lock ./
RUN pip wheel --no-cache-dir --no-deps --require-hashes --wheel-dir /wheels -r requirements.lock
COPY pyproject.toml README.md app.py ./
COPY streams streams
COPY detectors detectors
COPY alerts alerts
COPY dashboards dashboards
COPY rules rules
RUN python -m venv /opt/tocsin \
 && /opt/tocsin/bin/pip install --no-cache-dir --no-index --find-links /wheels .

FROM python:3.11.14-slim-bookworm
COPY --from=wheels /opt/tocsin /opt/tocsin
RUN install -d -m 700 -o 65534 -g 65534 /var/lib/tocsin
ENV PATH=/opt/tocsin/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 STATE_DIRECTORY=/var/lib/tocsin
USER 65534:65534
WORKDIR /tmp
ENTRYPOINT ["tocsin"]
CMD ["--help"]
