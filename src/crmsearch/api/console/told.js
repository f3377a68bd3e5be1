// What the service says in words of its own, in the language of the page: errors, why a hit was found, why records were merged, who is
// alike in what, and what was asked in the audit trail. In English these are the service's words; in Chinese those of a table, by code.

import { fieldLabel, inSentence, isChinese, t, valueText } from "./labels.js";
import { LINKS, PROBLEMS, SHAPE, WAYS } from "./told.zh.js";

// Title and text of an error; `original` is what the service said where that was in another language.
export function problemText({ code, title, detail, message }) {
  if (code === "unreachable") return { title: t("unreachable"), text: t("unreachableText") };
  const said = detail ?? String(message ?? "");
  if (!isChinese()) return { title: title ?? t("problem"), text: said };
  const [known, text] = PROBLEMS[code] ?? [t("problem"), ""];
  return { title: known, text, original: [title, said].filter(Boolean).join(": ") };
}

// A reason of a hit: “smiht” is spelt like the name.
export function wayText({ word, says, field }) {
  const label = fieldLabel(field);
  if (!isChinese()) return `“${word}” ${says} the ${inSentence(label)}`;
  return `“${word}”${(WAYS[says] ?? "符合{0}").replace("{0}", label)}`;
}

// Why records were merged: “a = b: same phone, same e-mail (0.998)”, or “a: 2 rows of the same content”.
export function linkText(link) {
  if (!isChinese()) return link;
  const rows = /^([^]*): (\d+) (rows of [a-z ]+)$/.exec(link);
  if (rows) return `${rows[1]}：${rows[2]} ${LINKS[rows[3]] ?? rows[3]}`;
  const [, records, reasons, sure] = /^([^]*): ([^:]*) \((\d\.\d+)\)$/.exec(link) ?? [];
  return records ? `${records}：${reasons.split(", ").map((each) => LINKS[each] ?? each).join("、")}（${sure}）` : link;
}

// In what another customer is like this one.
export function likenessText({ field, reason }, customer, other) {
  if (!isChinese()) return reason;
  const [own, theirs] = [customer[field], other[field]];
  const label = fieldLabel(field);
  if (Array.isArray(own)) return `${label}相同：${own.filter((each) => (theirs ?? []).includes(each)).map((each) => valueText(field, each)).join("、")}`;
  if (own === theirs) return `${label}相同：${valueText(field, own)}`;
  return `${label}相近：${valueText(field, own)} 与 ${valueText(field, theirs)}`;
}

// One part of the shape of a question.
export function shapeText(part) {
  if (!isChinese()) return part;
  if (SHAPE[part]) return SHAPE[part];
  return part.split(" ").map(shapeWord).join(" ");
}

function shapeWord(word, at, [kind]) {
  if (kind === "role" && at) return t(`role:${word}`);
  if (word.startsWith("-")) return `${fieldLabel(word.slice(1))} ↓`;
  return word.split("+").map((each) => SHAPE[each] ?? fieldLabel(each)).join("+");
}
