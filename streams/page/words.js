// The words of the page in both languages. Texts of the site itself (titles, summaries) come from the service.

export const LEVELS = ["red", "orange", "yellow", "act", "blind", "green"]; // worst first; blind before green

const WORDS = {
  red: ["红色", "RED"],
  orange: ["橙色", "ORANGE"],
  yellow: ["黄色", "YELLOW"],
  act: ["需处理", "ACT"],
  green: ["正常", "GREEN"],
  blind: ["无数据", "BLIND"],
  firing: ["未确认", "not acknowledged"],
  acknowledged: ["已确认", "acknowledged"],
  resolved: ["已恢复", "resolved"],
  draft: ["草稿", "draft"],
  approved: ["已批准", "approved"],
  publishing: ["正在分级发布", "on its way"],
  stopped: ["已中止", "stopped"],
  published: ["已发布", "published"],
  updated: ["已更新", "updated"],
  "all-clear": ["已解除", "all clear"],
  withdrawn: ["已撤回", "withdrawn"],
  raised: ["升级", "raised"],
  lowered: ["降级", "lowered"],
  cleared: ["恢复", "cleared"],
  unknown: ["数据不足", "too little data"],
  calls: ["来电", "calls"],
  complaints: ["投诉", "complaints"],
  network: ["网络", "network"],
  cases: ["工单", "cases"],
  shipments: ["运单", "shipments"],
  claims: ["理赔", "claims"],
  surveys: ["满意度", "surveys"],
  agents: ["坐席", "agents"],
  plans: ["计划", "plans"],
  where: ["地点", "where"],
  since: ["开始", "since"],
  value: ["当前值", "value"],
  threshold: ["阈值", "threshold"],
  act_on: ["处置", "what to do"],
  due: ["截止", "due"],
  told: ["已告知", "told"],
  next: ["待告知", "next"],
  later: ["稍后", "later"],
  not_told: ["不再通知", "hears nothing"],
  everywhere: ["全部", "all"],
  live: ["实时", "live"],
  asking: ["正在连接", "connecting"],
  lost: ["连接中断，正在重连", "connection lost, trying again"],
  locked: ["需要令牌（页面底部）", "a token is needed (foot of the page)"],
  per_second: ["条/秒", "events/s"],
  lag: ["落后", "behind"],
  lag_none: ["尚无事件", "no event yet"],
  quiet: ["没有未恢复的事件", "No incident is open"],
  quiet_blind: ["没有未恢复的事件，但有数据源听不到", "No incident is open, but a source is not heard"],
  waiting: ["尚无数据：等待第一批事件", "No data yet: waiting for the first events"],
  waiting_hint: [
    "向主题 tocsin.calls、tocsin.complaints、tocsin.network 发送事件后，各地区的级别会出现在这里。",
    "Once events arrive on tocsin.calls, tocsin.complaints or tocsin.network, the level of every region appears here.",
  ],
  stale: ["页面听不到服务，以下是断开前的情况", "The service is not heard; below is what was last known"],
  chosen: ["链接指向的事件", "The incident of the link"],
  chosen_gone: ["此事件已不在保留范围内", "This incident is no longer kept here"],
  opened: ["开始", "opened"],
  reopened: ["再次发生", "again"],
  joined: ["并入告警", "an alert joined"],
  left: ["一条告警恢复", "an alert ended"],
  attributed: ["找到原因", "cause found"],
  released: ["无人认领", "given back"],
  promised: ["已承诺", "promised"],
  commented: ["备注", "comment"],
  escalated: ["已上报", "escalated to"],
  accepted: ["客户认可", "accepted"],
  found: ["认定原因", "what it was"],
  muted: ["已静默", "quiet"],
  heard: ["恢复通知", "heard again"],
  incidents_none: ["事件会出现在这里：最严重的在最上面。", "Incidents appear here, the worst on top."],
  notices_none: ["橙色和红色事件的通知草稿会出现在这里。", "Drafts for orange and red incidents appear here."],
  changes_none: ["等待第一次级别变化。", "Waiting for the first change of level."],
  users: ["影响用户最多", "users at most"],
  alerts: ["告警数", "alerts"],
  unexplained_note: ["原因不明，已提升一级", "nothing explains it: raised one level"],
  muted_note: ["暂不通知：", "nobody is told now:"],
  blind_note: ["数据源听不到，级别为最后已知", "source not heard; the level is the last known"],
};

/** Both languages of a word of the page; an unknown word stands for itself. */
export function word(name) {
  const [zh, en] = WORDS[name] ?? [name, name];
  return { zh, en };
}

/** How many incidents are open, in words. */
export function openCount(count) {
  return { zh: `${count} 起事件未恢复`, en: count === 1 ? "1 incident is open" : `${count} incidents are open` };
}

/** How long, in words: "12 分钟" and "12 min". */
export function duration(ms) {
  const minutes = Math.max(0, Math.floor(ms / 60000));
  if (minutes < 1) {
    const seconds = Math.max(0, Math.floor(ms / 1000));
    return { zh: `${seconds} 秒`, en: `${seconds} s` };
  }
  if (minutes < 60) return { zh: `${minutes} 分钟`, en: `${minutes} min` };
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return { zh: `${hours} 小时 ${minutes % 60} 分`, en: `${hours} h ${minutes % 60} min` };
  return { zh: `${Math.floor(hours / 24)} 天`, en: `${Math.floor(hours / 24)} days` };
}
