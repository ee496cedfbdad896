import { useEffect, useState } from "preact/hooks";

export interface Highlight {
  /** The key of the item under the pointer or the focus, or else of the pinned item. Its places stand out. */
  key: string | null;
  pinned: string | null;
  setPointed: (key: string | null) => void;
  setPinned: (key: string | null) => void;
}

/** Keep the highlighted item of a picture. */
export function useHighlight(image: string): Highlight {
  const [pointed, setPointed] = useState<string | null>(null);
  const [pinned, setPinned] = useState<string | null>(null);
  useEffect(() => {
    setPointed(null);
    setPinned(null);
  }, [image]);
  return { key: pointed ?? pinned, pinned, setPointed, setPinned };
}
