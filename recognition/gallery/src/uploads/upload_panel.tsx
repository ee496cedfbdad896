import { useEffect, useRef } from "preact/hooks";
import { announce } from "../shared/announcements";
import { strings } from "../strings";
import type { NameChoice } from "./upload";
import { UploadRow } from "./upload_row";
import type { Uploads } from "./uploads";
import "./upload_panel.css";

/** Lists the uploads. */
export function UploadPanel({ uploads }: { uploads: Uploads }) {
  const heading = useRef<HTMLHeadingElement>(null);
  const all = uploads.all.value;
  if (!all.length) return null;
  const active = all.filter((upload) => !upload.isOver).length;
  const settled = all.filter((upload) => upload.isSettled);
  /** Keep the focus in the panel when an action removes the focused button. */
  const keepFocus = () =>
    requestAnimationFrame(() => document.activeElement === document.body && heading.current?.focus());
  return (
    <section class="uploads card" aria-label={strings.uploads} onClick={keepFocus} onSubmit={keepFocus}>
      <div class="uploads-heading">
        <h2 ref={heading} tabIndex={-1}>
          {active ? strings.adding(active) : strings.uploads}
        </h2>
        {settled.length > 0 && (
          <button class="text-button" onClick={() => uploads.remove(settled)}>
            {strings.clearUploads}
          </button>
        )}
      </div>
      <NameChoices uploads={uploads} />
      <ul>
        {all.map((upload) => (
          <UploadRow key={upload.id} upload={upload} uploads={uploads} />
        ))}
      </ul>
    </section>
  );
}

/** Offers one choice for all files that have the names of other pictures. */
function NameChoices({ uploads }: { uploads: Uploads }) {
  const count = uploads.taken.length;
  useEffect(() => {
    if (count > 1) announce(strings.namesTaken(count));
  }, [count > 1]);
  if (count < 2) return null;
  const choices: [NameChoice, string][] = [
    ["skip", strings.skipAll],
    ["replace", strings.replaceAll],
    ["keep", strings.keepBoth],
  ];
  return (
    <div class="name-choices" role="group" aria-label={strings.namesTaken(count)}>
      <p>{strings.namesTaken(count)}</p>
      {choices.map(([choice, text]) => (
        <button key={choice} class="text-button choice-button" onClick={() => uploads.chooseForAll(choice)}>
          {text}
        </button>
      ))}
    </div>
  );
}
