// What somebody looks at customers for: each purpose shows some of what is masked otherwise, and is kept in the audit trail.

import { get } from "./api.js";
import { askIn, h, labelled } from "./dom.js";
import { isChinese, t } from "./labels.js";

export const CONTACT = new Set(["emails", "phones", "address", "postcode", "location", "birth_date", "national_id"]);

let known = null; // of the service, each with its labels

export const purposeText = ({ label, label_zh: chinese }) => (isChinese() ? chinese : label);
export const reveals = (purpose) => purpose.reveals.some((name) => CONTACT.has(name));

const all = async () => (known ??= (await get("purposes")).purposes);

// A function that says what a purpose is called; one that the reader may not state is told by its code.
export async function purposeName() {
  const named = new Map((await all()).map((each) => [each.name, purposeText(each)]));
  return (name) => named.get(name) ?? name;
}

// The purpose that the reader chooses, of those that `fits` takes; null for none.
export async function askPurpose(title, confirm, fits = () => true) {
  const offered = (await all()).filter(fits);
  const choice = h("select", { name: "purpose" }, offered.map((each) => new Option(purposeText(each), each.name)));
  const given = await askIn(title, [h("p", { class: "note" }, t("revealText")), labelled(t("purpose"), choice)], confirm);
  return given ? offered.find((each) => each.name === given.purpose) : null;
}
