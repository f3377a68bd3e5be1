// What the cleaning rules do, in the language of the page.

import { get } from "./api.js";
import { isChinese } from "./labels.js";

let rules = null;

// All rules by their code, as the API tells them.
export async function ruleTable() {
  rules ??= new Map((await get("rules")).map((rule) => [rule.code, rule]));
  return rules;
}

// A function that says what a rule does, of which the English words are known.
export async function ruleWords() {
  const chinese = isChinese() ? (await import("./rules.zh.js")).default : {};
  return ({ code, action }) => chinese[code] ?? action;
}
