import { useEffect, useState } from "preact/hooks";
import type { Api } from "../api/api";
import { KINDS, type Kind, type Term } from "../api/documents";

const TYPING_DELAY_MS = 120;
const MAX_SUGGESTIONS = 8;
/** The number of suggestions of each kind if there are several kinds. */
const MAX_OF_A_KIND = 4;

export interface Suggestion extends Term {
  images: number;
}

/** Read a term as typed: a name, or a kind and a name, such as `text: invoice`. */
export function readTerm(typed: string): Term {
  const [, kind, name] = /^\s*(\w+)\s*:\s*(.*)$/.exec(typed) ?? [];
  const isKind = KINDS.includes(kind as Kind);
  return isKind ? { kind: kind as Kind, name: name!.trim() } : { kind: "label", name: typed.trim() };
}

/** Read the suggestions for a text while the list is open. They are null until known. */
export function useSuggestions(api: Api, text: string, isOpen: boolean, isOnlyLabels: boolean) {
  const [suggestions, setSuggestions] = useState<Suggestion[] | null>(null);
  const [active, setActive] = useState(-1);
  const read = (typed: string) => suggest(api, typed, isOnlyLabels).catch(() => null);

  useEffect(() => {
    if (!isOpen) return;
    let isCurrent = true;
    const timer = setTimeout(async () => {
      const found = await read(text);
      if (!isCurrent) return;
      setSuggestions(found);
      setActive(text.trim() && found?.length ? 0 : -1);
    }, text ? TYPING_DELAY_MS : 0);
    return () => {
      isCurrent = false;
      clearTimeout(timer);
    };
  }, [text, isOpen]);

  return { suggestions, setSuggestions, active, setActive, read };
}

async function suggest(api: Api, typed: string, isOnlyLabels: boolean): Promise<Suggestion[]> {
  const term: Term = isOnlyLabels ? { kind: "label", name: typed.trim() } : readTerm(typed);
  const isAnyKind = !isOnlyLabels && term.kind === "label" && typed.trim() !== "";
  const kinds = isAnyKind ? ["label" as const, ...(await api.otherKinds())] : [term.kind];
  const limit = kinds.length > 1 ? MAX_OF_A_KIND : MAX_SUGGESTIONS;
  const lists = await Promise.all(kinds.map((kind) => api.namesWithPrefix(kind, term.name.replace(/\*$/, ""), limit)));
  return lists.flatMap((list, index) => list.map(({ label, images }) => ({ kind: kinds[index]!, name: label, images })));
}
