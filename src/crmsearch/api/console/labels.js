// Words of the page in both languages, and how values are written. Names of fields come from the API's catalogue.

const STORE = "crmsearch.language";

const WORDS = {
  en: {
    skip: "Skip to results",
    searchLabel: "Search customers",
    searchHint: "Name, phone, e-mail, company",
    pageLinks: "Page",
    apiLink: "API",
    filters: "Filters",
    activeFilters: "Active filters",
    customers: "Customers",
    age: "Age",
    from: "from",
    to: "to",
    ageFrom: "Age from",
    ageTo: "Age to",
    ageOrder: "“From” must not be above “to”.",
    ageWhole: "Ages are whole numbers from 0 to 150.",
    sort: "Sort",
    relevance: "Relevance",
    "sort:name": "Name",
    "sort:-last_activity_at": "Newest activity",
    "sort:-revenue": "Highest revenue",
    statistics: "Statistics",
    groupBy: "Group by",
    more: "Show more",
    loading: "Searching …",
    keys: "/ search · ↑ ↓ move · Enter open · Esc clear or back",
    total: (n, text) => `${text} ${n === 1 ? "customer" : "customers"}`,
    atLeast: (text) => `at least ${text}`,
    took: (text) => `${text} ms`,
    matched: "matched",
    lacks: "lacks",
    "stage:tolerant": "Few or none fit as typed, so similar ones count too.",
    "stage:partial": "Nobody has all the words; these have some of them.",
    didYouMean: "Did you mean:",
    segment: "Segment",
    not: (text) => `not ${text}`,
    given: "any",
    blank: "none",
    noName: "No name",
    years: (n) => `${n} years`,
    other: (text) => `${text} with other values`,
    inexact: (text) => `Counts may be up to ${text} too low`,
    showAll: (text) => `Show all ${text}`,
    showFewer: "Show fewer",
    remove: (text) => `Remove filter ${text}`,
    clearAll: "Clear all",
    emptyTitle: "No customer found",
    emptyText: "Try fewer letters, the last four digits of a phone, the pinyin of a name, or part of an e-mail.",
    emptyFilters: "The filters above may hide the one you look for.",
    clearFilters: "Clear the filters",
    problem: "That did not work",
    requestId: "Request id",
    retry: "Try again",
    unreachable: "The service cannot be reached",
    unreachableText: "Check that it is running and that this computer is connected, then try again.",
    adminHint: "If it goes on, give the request id to your administrator.",
    keyTitle: "This service asks for a key",
    keyText: "Your administrator hands out keys. It stays in this tab and is forgotten when you close it.",
    keyWrong: "This key was not accepted. Check it and enter it again.",
    keyLabel: "Key",
    keyGo: "Continue",
    close: "Close",
    notKnown: "Not known",
    reveal: "Show",
    stats: (by) => `Age by ${by.toLowerCase()}`,
    all: "All",
    mean: "Mean",
    median: "Median",
    varianceTitle: "Sample variance (n − 1)",
    deviationTitle: "Standard deviation",
    exact: "exact",
    approximate: "approximate",
    exactText: "All figures are computed over every customer found.",
    approximateText: "≈ marks a median that is estimated; the other figures are exact.",
    lacking: (text, field) => `${text} have no ${field.toLowerCase()}`,
    otherGroups: (text) => `${text} in other groups`,
    figures: "Figures",
    field: "Field",
    chart: "Chart",
    noGroups: "None",
    inWords: "In words",
    "chart:histogram": "Histogram",
    "chart:bars": "Bars",
    "chart:box": "Boxes",
    "chart:line": "Line",
    "chart:heatmap": "Heat map",
    "group:identity": "Identity",
    "group:contact": "Contact",
    "group:work": "Work",
    "group:relationship": "Relationship",
    "group:commerce": "Orders",
    "group:service": "Service",
    "group:marketing": "Marketing",
    "group:mined": "Insights",
    "group:quality": "Quality and origin",
  },
  zh: {
    skip: "跳到结果",
    searchLabel: "搜索客户",
    searchHint: "姓名、拼音、电话、邮箱或公司",
    pageLinks: "页面",
    apiLink: "接口",
    filters: "筛选",
    activeFilters: "已选条件",
    customers: "客户",
    age: "年龄",
    from: "最小",
    to: "最大",
    ageFrom: "最小年龄",
    ageTo: "最大年龄",
    ageOrder: "最小年龄不能大于最大年龄。",
    ageWhole: "年龄是 0 到 150 的整数。",
    sort: "排序",
    relevance: "相关度",
    "sort:name": "姓名",
    "sort:-last_activity_at": "最近活动",
    "sort:-revenue": "消费最高",
    statistics: "统计",
    groupBy: "分组",
    more: "显示更多",
    loading: "搜索中…",
    keys: "/ 搜索 · ↑ ↓ 移动 · Enter 打开 · Esc 清空或返回",
    total: (_, text) => `${text} 位客户`,
    atLeast: (text) => `至少 ${text}`,
    took: (text) => `${text} 毫秒`,
    matched: "匹配",
    lacks: "缺少",
    "stage:tolerant": "完全符合输入的客户很少或没有，因此也列出相近的客户。",
    "stage:partial": "没有客户符合全部关键词，以下客户只符合其中一部分。",
    didYouMean: "您要找的是不是：",
    segment: "分群",
    not: (text) => `非 ${text}`,
    given: "有",
    blank: "无",
    noName: "无姓名",
    years: (n) => `${n} 岁`,
    other: (text) => `其他值共 ${text}`,
    inexact: (text) => `计数最多可能偏低 ${text}`,
    showAll: (text) => `显示全部 ${text} 项`,
    showFewer: "收起",
    remove: (text) => `移除条件 ${text}`,
    clearAll: "全部清除",
    emptyTitle: "没有找到客户",
    emptyText: "试试更短的关键词、电话后四位、姓名拼音，或邮箱的一部分。",
    emptyFilters: "上方的筛选条件可能排除了要找的客户。",
    clearFilters: "清除筛选",
    problem: "操作没有成功",
    requestId: "请求编号",
    retry: "重试",
    unreachable: "无法连接服务",
    unreachableText: "请确认服务正在运行、本机网络正常，然后重试。",
    adminHint: "如果问题持续，请把请求编号告诉管理员。",
    keyTitle: "此服务需要密钥",
    keyText: "密钥由管理员发放。它只保存在当前标签页，关闭后即被清除。",
    keyWrong: "密钥未被接受，请检查后重新输入。",
    keyLabel: "密钥",
    keyGo: "继续",
    close: "关闭",
    notKnown: "未知",
    reveal: "显示",
    stats: (by) => `年龄 · 按${by}`,
    all: "全部",
    mean: "平均",
    median: "中位数",
    varianceTitle: "样本方差（n − 1）",
    deviationTitle: "标准差",
    exact: "精确",
    approximate: "近似",
    exactText: "所有数字均由全部命中客户计算得出。",
    approximateText: "≈ 表示中位数为估计值，其余数字均为精确值。",
    lacking: (text, field) => `${text} 位${field}未填写`,
    otherGroups: (text) => `其他分组共 ${text} 位`,
    figures: "图表",
    field: "字段",
    chart: "图形",
    noGroups: "不分组",
    inWords: "文字说明",
    "chart:histogram": "直方图",
    "chart:bars": "条形图",
    "chart:box": "箱线图",
    "chart:line": "折线图",
    "chart:heatmap": "热力图",
    "group:identity": "身份",
    "group:contact": "联系方式",
    "group:work": "工作",
    "group:relationship": "客户关系",
    "group:commerce": "订单",
    "group:service": "服务",
    "group:marketing": "营销",
    "group:mined": "洞察",
    "group:quality": "质量与来源",
  },
};

// Values of the closed vocabularies; every other value is data and is shown as it is.
const VALUES = {
  gender: { female: ["Female", "女"], male: ["Male", "男"], other: ["Other", "其他"], unknown: ["Unknown", "未知"] },
  kind: { person: ["Person", "个人"], company: ["Company", "公司"] },
  lifecycle: { lead: ["Lead", "线索"], prospect: ["Prospect", "潜在客户"], customer: ["Customer", "客户"], churned: ["Churned", "已流失"] },
  source_system: {
    salesforce: ["Salesforce", "Salesforce"],
    zoho: ["Zoho", "Zoho"],
    dynamics365: ["Dynamics 365", "Dynamics 365"],
    hubspot: ["HubSpot", "HubSpot"],
    generic: ["Other file", "其他文件"],
  },
};

const SHARES = new Set(["quality_score", "match_confidence", "churn_risk"]);

let language = localStorage.getItem(STORE) ?? (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en");
if (!(language in WORDS)) language = "en";
let fields = new Map();

export const isChinese = () => language === "zh";
export const locale = () => (isChinese() ? "zh-CN" : "en");

export function switchLanguage() {
  language = isChinese() ? "en" : "zh";
  localStorage.setItem(STORE, language);
}

export function setFields(catalogue) {
  fields = new Map(catalogue.map((field) => [field.name, field]));
  return fields;
}

export function t(key, ...values) {
  const word = WORDS[language][key] ?? key.replace(/^\w+:/, "");
  return typeof word === "function" ? word(...values) : word;
}

export function fieldLabel(name) {
  const field = fields.get(name);
  return (isChinese() ? field?.label_zh : field?.label) ?? name;
}

export function number(value, digits = 0) {
  return new Intl.NumberFormat(locale(), { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);
}

export function valueText(name, value) {
  const known = VALUES[name]?.[value];
  if (known) return known[isChinese() ? 1 : 0];
  if (name === "country" && /^[A-Z]{2}$/.test(value)) return new Intl.DisplayNames(locale(), { type: "region" }).of(value);
  const type = fields.get(name)?.type;
  if (name === "phones") return phone(value);
  if (type === "date") return date(value);
  if (type === "geo_point") return `${value.lat.toFixed(4)}, ${value.lon.toFixed(4)}`;
  if (typeof value !== "number") return String(value);
  if (SHARES.has(name)) return new Intl.NumberFormat(locale(), { style: "percent" }).format(value);
  return new Intl.NumberFormat(locale(), { maximumFractionDigits: 2 }).format(value);
}

// +8613812345678 as +86 138 1234 5678; numbers of other plans stay in one piece rather than being grouped wrongly.
function phone(text) {
  return text.replace(/^(\+86)(1\d\d)(\d{4})(\d{4})$/, "$1 $2 $3 $4").replace(/^(\+1)(\d{3})(\d{3})(\d{4})$/, "$1 $2 $3 $4");
}

const UNITS = { d: "day", w: "week", M: "month", y: "year" };

// A day is a day everywhere; a moment is shown in the reader's time zone; now-90d is 90 days ago.
function date(text) {
  const back = /^now(?:-(\d+)([dwMy]))?$/.exec(text);
  if (back) {
    const [, count = 0, unit = "d"] = back;
    return new Intl.RelativeTimeFormat(locale(), { numeric: count ? "always" : "auto" }).format(-count, UNITS[unit]);
  }
  const moment = new Date(text);
  if (Number.isNaN(moment.getTime())) return text;
  const style = text.includes("T") ? { dateStyle: "medium", timeStyle: "short" } : { dateStyle: "medium", timeZone: "UTC" };
  return new Intl.DateTimeFormat(locale(), style).format(moment);
}
