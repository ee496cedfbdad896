import { useEffect, useRef } from "preact/hooks";
import { CopyButton } from "../shared/copy_button";
import { VisibleText } from "../shared/visible_text";
import { strings } from "../strings";
import type { FoundItem } from "./found_items";
import type { Highlight } from "./highlight";
import "./text_list.css";

/** Shows the lines of text, to select and to copy. Pointing at a line highlights its outline in the picture. */
export function TextList({ items, highlight }: { items: FoundItem[]; highlight: Highlight }) {
  const list = useRef<HTMLUListElement>(null);
  // The pointer may be at an outline in the picture, and the line out of sight.
  useEffect(() => list.current?.querySelector(".highlighted")?.scrollIntoView({ block: "nearest" }), [highlight.key]);
  if (!items.length) return null;
  return (
    <>
      <ul ref={list} class="texts" aria-label={strings.abilities.text}>
        {items.map(({ key, name, hue }) => (
          <li
            key={key}
            class={highlight.key === key ? "text-line highlighted" : "text-line"}
            style={{ "--hue": hue }}
            onMouseEnter={() => highlight.setPointed(key)}
            onMouseLeave={() => highlight.setPointed(null)}
          >
            <VisibleText text={name} />
          </li>
        ))}
      </ul>
      <CopyButton text={items.map(({ name }) => name).join("\n")} label={strings.copyText} />
    </>
  );
}
