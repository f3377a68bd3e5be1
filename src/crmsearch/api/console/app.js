// What all pages share: who is signed in, the catalogue of fields, and the ways from page to page, which the shell sets.

export const app = {
  session: null,
  fields: new Map(),
  go: null, // (page, parts of the fragment) to another page
  openCustomer: null, // (id)
  back: null,
  stale: false, // what was found may be there no longer, so that the list is asked for again
};

export const may = (scope) => app.session?.scopes.includes(scope) ?? false;
export const facetNames = (names) => names.filter((name) => app.fields.get(name)?.facet);
export const facetFields = () => [...app.fields.values()].filter((field) => field.facet);
export const statisticFields = () => [...app.fields.values()].filter((field) => field.statistic);
