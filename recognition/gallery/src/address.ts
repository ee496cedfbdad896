/** The address bar holds what is searched (its query) and which picture is open (its fragment). */

import { signal } from "@preact/signals";
import { pathOf, type Search } from "./api";

export const NOTHING: Search = { labels: [], match: "all", exclude: [], confidence: 0 };

function searchOf(query: string): Search {
  const given = new URLSearchParams(query);
  const confidence = Number(given.get("min_confidence"));
  return {
    labels: distinct(given.getAll("label")),
    match: given.get("match") === "any" ? "any" : "all",
    exclude: distinct(given.getAll("exclude")),
    confidence: confidence > 0 && confidence <= 100 ? confidence : 0,
  };
}

function queryOf({ labels, match, exclude, confidence }: Search): string {
  if (!labels.length) return "";
  const query = new URLSearchParams();
  for (const label of labels) query.append("label", label);
  if (match === "any") query.set("match", match);
  for (const label of exclude) query.append("exclude", label);
  if (confidence) query.set("min_confidence", `${confidence}`);
  return `?${query}`;
}

function openedOf(fragment: string): string | null {
  try {
    return fragment.length > 1 ? decodeURIComponent(fragment.slice(1)) : null;
  } catch {
    return null; // not written by this page
  }
}

function distinct(labels: string[]): string[] {
  return [...new Map(labels.filter(Boolean).map((label) => [label.toLowerCase(), label])).values()];
}

/** What is searched, and which picture is open. */
export const search = signal(searchOf(location.search));
export const opened = signal(openedOf(location.hash));

export const addressOf = (image: string) => `#${pathOf(image)}`;

/** Search for this from now on; without labels, for nothing. */
export function ask(wanted: Search) {
  go(location.pathname + queryOf(wanted));
}

export function open(image: string) {
  const address = location.pathname + location.search + addressOf(image);
  // From picture to picture, so that one step back leads to the grid.
  if (opened.value === null) go(address);
  else go(address, history.state);
}

export function close() {
  if (history.state === "opened here") history.back();
  else go(location.pathname + location.search, null);
}

function go(address: string, replaced?: unknown) {
  if (replaced === undefined) history.pushState(address.includes("#") ? "opened here" : null, "", address);
  else history.replaceState(replaced, "", address);
  read();
}

function read() {
  const now = searchOf(location.search);
  if (queryOf(now) !== queryOf(search.peek())) search.value = now;
  opened.value = openedOf(location.hash);
}

addEventListener("popstate", read);
addEventListener("hashchange", read);
