import { CopyButton } from "../shared/copy_button";
import { VisibleText } from "../shared/visible_text";
import { strings } from "../strings";
import type { FoundItem } from "./found_items";
import type { Highlight } from "./highlight";
import "./text_list.css";

/** Shows the lines of text, to select and to copy. Pointing at a line highlights its outline in the picture. */
export function TextList({ items, highlight }: { items: FoundItem[]; highlight: Highlight }) {
  if (!items.length) return null;
  return (
    <>
      <ul class="texts" aria-label={strings.abilities.text}>
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
