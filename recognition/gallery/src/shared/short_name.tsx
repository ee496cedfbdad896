import "./short_name.css";

interface Properties {
  name: string;
  /** The number of characters at the end that are always visible. */
  end: number;
}

/** Shows a name on one line, and cuts a long name in the middle: files of one folder often differ only at the end. */
export function ShortName({ name, end }: Properties) {
  const characters = [...name];
  return (
    <span class="short-name" title={name}>
      <span class="visually-hidden">{name}</span>
      <span class="name-parts" dir="auto" aria-hidden="true">
        <span>{characters.slice(0, -end).join("")}</span>
        <span>{characters.slice(-end).join("")}</span>
      </span>
    </span>
  );
}
