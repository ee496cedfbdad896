interface Properties {
  name: string;
  /** Characters at the end that always show. */
  end: number;
}

/** A name on one line. Where it is too long it is cut in the middle: its end tells files of one folder apart. */
export function ShortName({ name, end }: Properties) {
  const characters = [...name];
  return (
    <span class="short-name" title={name}>
      <span class="unseen">{name}</span>
      <span class="cut" dir="auto" aria-hidden="true">
        <span>{characters.slice(0, -end).join("")}</span>
        <span>{characters.slice(-end).join("")}</span>
      </span>
    </span>
  );
}
