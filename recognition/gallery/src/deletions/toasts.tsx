import { useEffect } from "preact/hooks";
import { announce } from "../shared/announcements";
import { Cross } from "../shared/icons";
import { strings } from "../strings";
import type { Deletions } from "./deletions";
import "./toasts.css";

/** Shows the deletions that can be undone, and those that failed. */
export function Toasts({ deletions }: { deletions: Deletions }) {
  const waiting = deletions.waiting.value;
  const failed = deletions.failed.value;

  useEffect(() => {
    const last = waiting.at(-1);
    if (last) announce(strings.deleting(last.image));
  }, [waiting.length]);

  useEffect(() => {
    function onKeyDown(event: KeyboardEvent) {
      const isUndo = (event.ctrlKey || event.metaKey) && event.key === "z" && !(event.target instanceof HTMLInputElement);
      if (!isUndo || !deletions.waiting.value.length) return;
      event.preventDefault();
      deletions.undo();
    }
    document.addEventListener("keydown", onKeyDown);
    return () => document.removeEventListener("keydown", onKeyDown);
  }, []);

  return (
    <div class="toasts">
      {waiting.map(({ image }) => (
        <div class="toast" key={image}>
          <span>{strings.deleting(image)}</span>
          <button class="text-button" aria-label={strings.undoNamed(image)} onClick={() => deletions.undo(image)}>
            {strings.undo}
          </button>
          <kbd aria-hidden="true">{strings.undoKeys}</kbd>
        </div>
      ))}
      {failed.map(({ image, problem }) => (
        <div class="toast" key={image} role="alert">
          <span class="problem">{strings.notDeleted(image, problem)}</span>
          <button class="icon-button" aria-label={strings.dismiss} onClick={() => deletions.dismissFailure(image)}>
            <Cross />
          </button>
        </div>
      ))}
    </div>
  );
}
