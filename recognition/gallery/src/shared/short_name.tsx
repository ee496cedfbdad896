import { visible } from "./hidden_characters";
import { MarkedText } from "./visible_text";
import "./short_name.css";

interface Properties {
  name: string;
  /** The number of characters at the end that are always visible. */
  end: number;
}

/** Shows a name on one line, and cuts a long name in the middle: files of one folder often differ only at the end. */
export function ShortName({ name, end }: Properties) {
  const [beginning, ending] = split(name, end);
  return (
    <span class="short-name" title={visible(name)}>
      <span class="visually-hidden">{visible(name)}</span>
      <span class="name-parts" dir="auto" aria-hidden="true">
        <span>
          <MarkedText text={beginning} />
        </span>
        <span>
          <MarkedText text={ending} />
        </span>
      </span>
    </span>
  );
}

/** Split a name so that its visible ending has at most `end` characters. */
function split(name: string, end: number): [string, string] {
  const characters = [...name];
  let start = characters.length;
  for (let room = end; start > 0; start--) {
    room -= visible(characters[start - 1]!).length;
    if (room < 0) break;
  }
  return [characters.slice(0, start).join(""), characters.slice(start).join("")];
}
