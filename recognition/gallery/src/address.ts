/** Keeps the search in the query of the page's address, and the open picture in its fragment. */

import { signal } from "@preact/signals";
import type { SearchQuery } from "./api/documents";
import { imagePath } from "./api/image_path";

export const EMPTY_SEARCH: SearchQuery = { labels: [], match: "all", exclude: [], confidence: 0 };

/** Marks a history entry that this page added when it opened a picture. */
const OPENED_HERE = "opened here";

export const currentSearch = signal(parseSearch(location.search));
/** The name of the open picture, or null. */
export const openImage = signal(parseFragment(location.hash));

export const imageAddress = (image: string) => `#${imagePath(image)}`;

/** Show the results of a search. A search without labels shows all pictures. */
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
    labels: distinct(parameters.getAll("label")),
    match: parameters.get("match") === "any" ? "any" : "all",
    exclude: distinct(parameters.getAll("exclude")),
    confidence: confidence > 0 && confidence <= 100 ? confidence : 0,
  };
}

function formatSearch({ labels, match, exclude, confidence }: SearchQuery): string {
  if (!labels.length) return "";
  const parameters = new URLSearchParams();
  for (const label of labels) parameters.append("label", label);
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

/** Return each label once. Upper and lower case do not count. */
function distinct(labels: string[]): string[] {
  return [...new Map(labels.filter(Boolean).map((label) => [label.toLowerCase(), label])).values()];
}

addEventListener("popstate", readAddress);
addEventListener("hashchange", readAddress);
