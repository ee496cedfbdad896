/** Keeps the search in the query of the page's address, and the open picture in its fragment. */

import { signal } from "@preact/signals";
import { KINDS, type Kind, type SearchQuery, type Term } from "./api/documents";
import { imagePath } from "./api/image_path";

export const EMPTY_SEARCH: SearchQuery = { terms: [], match: "all", exclude: [], confidence: 0 };

/** Marks a history entry that this page added when it opened a picture. */
const OPENED_HERE = "opened here";

export const currentSearch = signal(parseSearch(location.search));
/** The name of the open picture, or null. */
export const openImage = signal(parseFragment(location.hash));

export const imageAddress = (image: string) => `#${imagePath(image)}`;

/** Show the results of a search. A search without terms shows all pictures. */
export function showSearch(query: SearchQuery) {
  pushAddress(location.pathname + formatSearch(query));
}

export function showImage(image: string) {
  const address = location.pathname + location.search + imageAddress(image);
  // A step from one picture to the next adds no history entry: the Back button always leads to the grid.
  if (openImage.value === null) pushAddress(address, OPENED_HERE);
  else replaceAddress(address, history.state);
}

export function closeImage() {
  if (history.state === OPENED_HERE) history.back();
  else replaceAddress(location.pathname + location.search, null);
}

function pushAddress(address: string, state: unknown = null) {
  history.pushState(state, "", address);
  readAddress();
}

function replaceAddress(address: string, state: unknown) {
  history.replaceState(state, "", address);
  readAddress();
}

function readAddress() {
  const query = parseSearch(location.search);
  if (formatSearch(query) !== formatSearch(currentSearch.peek())) currentSearch.value = query;
  openImage.value = parseFragment(location.hash);
}

function parseSearch(query: string): SearchQuery {
  const parameters = new URLSearchParams(query);
  const confidence = Number(parameters.get("min_confidence"));
  return {
    terms: distinct([...parameters].filter(isTerm).map(([kind, name]) => ({ kind, name }))),
    match: parameters.get("match") === "any" ? "any" : "all",
    exclude: distinct(parameters.getAll("exclude").map(labelTerm)).map(({ name }) => name),
    confidence: confidence > 0 && confidence <= 100 ? confidence : 0,
  };
}

function isTerm(parameter: [string, string]): parameter is [Kind, string] {
  return KINDS.includes(parameter[0] as Kind);
}

function formatSearch({ terms, match, exclude, confidence }: SearchQuery): string {
  if (!terms.length) return "";
  const parameters = new URLSearchParams();
  for (const { kind, name } of terms) parameters.append(kind, name);
  if (match === "any") parameters.set("match", match);
  for (const label of exclude) parameters.append("exclude", label);
  if (confidence) parameters.set("min_confidence", `${confidence}`);
  return `?${parameters}`;
}

function parseFragment(fragment: string): string | null {
  try {
    return fragment.length > 1 ? decodeURIComponent(fragment.slice(1)) : null;
  } catch {
    return null; // this page did not write the fragment
  }
}

/** Return each term once. Upper and lower case do not count. */
function distinct(terms: Term[]): Term[] {
  return [...new Map(terms.filter(({ name }) => name).map((term) => [termKey(term), term])).values()];
}

/** Return a text that is the same for the same names of a kind. */
export function termKey({ kind, name }: Term): string {
  return `${kind} ${name.toLowerCase()}`;
}

export function labelTerm(name: string): Term {
  return { kind: "label", name };
}

addEventListener("popstate", readAddress);
addEventListener("hashchange", readAddress);
