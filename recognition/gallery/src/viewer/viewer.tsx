import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { closeImage, showImage } from "../address";
import type { Api } from "../api/api";
import type { Picture } from "../api/documents";
import { errorMessage } from "../api/http";
import type { Deletions } from "../deletions/deletions";
import type { PictureList } from "../grid/picture_list";
import { DialogHeading } from "../shared/dialog_heading";
import { ChevronLeft, ChevronRight } from "../shared/icons";
import { strings } from "../strings";
import { Details } from "./details";
import { useHighlight } from "./highlight";
import { Stage } from "./stage";
import "./viewer.css";

interface Properties {
  api: Api;
  pictures: PictureList;
  deletions: Deletions;
  image: string;
  /** Elements to show above the viewer: a modal dialog hides the rest of the page. */
  children: ComponentChildren;
}

/** Shows one picture in the whole window, with its record. */
export function Viewer({ api, pictures, deletions, image, children }: Properties) {
  const dialog = useRef<HTMLDialogElement>(null);
  const { picture, problem } = usePicture(api, image);
  const { previous, next } = useNeighbours(pictures, image);
  const highlight = useHighlight(image);

  useEffect(() => {
    const element = dialog.current!;
    element.showModal();
    element.focus(); // the arrow keys work at once
    return () => element.close();
  }, []);

  function remove() {
    if (!picture) return;
    const neighbour = next ?? previous;
    deletions.request(picture);
    if (neighbour) showImage(neighbour);
    else closeImage();
  }

  function onKeyDown(event: KeyboardEvent) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "ArrowLeft" && previous) showImage(previous);
    else if (event.key === "ArrowRight" && next) showImage(next);
    else if (event.key === "Delete") remove();
    else return;
    event.preventDefault();
  }

  return (
    <dialog
      ref={dialog}
      class="viewer"
      tabIndex={-1}
      aria-labelledby="picture-name"
      onKeyDown={onKeyDown}
      onClose={() => dialog.current && closeImage()} // the Escape key closed the dialog
    >
      <div class="stage">
        {picture && <Stage key={image} api={api} picture={picture} highlight={highlight} />}
        {!picture && !problem && <p class="note">{strings.loading}</p>}
        <StepButton name={strings.previous} image={previous} isBack />
        <StepButton name={strings.next} image={next} />
      </div>
      <section class="details">
        <DialogHeading id="picture-name" title={image} onClose={closeImage} />
        {problem && (
          <p class="problem" role="alert">
            {problem}
          </p>
        )}
        {picture && <Details api={api} picture={picture} highlight={highlight} onDelete={remove} />}
      </section>
      {children}
    </dialog>
  );
}

/** Read the record of a picture. */
function usePicture(api: Api, image: string) {
  const [picture, setPicture] = useState<Picture | null>(null);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    let isCurrent = true;
    setPicture(null);
    setProblem("");
    api.picture(image).then(
      (found) => isCurrent && (found ? setPicture(found) : setProblem(strings.unknownPicture)),
      (error) => isCurrent && setProblem(errorMessage(error)),
    );
    return () => {
      isCurrent = false;
    };
  }, [image]);
  return { picture, problem };
}

/** Find the pictures before and after a picture in the grid. Loads more pictures if it is the last. */
function useNeighbours(pictures: PictureList, image: string) {
  const entries = pictures.visible.value;
  const index = entries.findIndex((entry) => entry.image === image);
  const previous = index > 0 ? entries[index - 1]?.image : undefined;
  const next = index >= 0 ? entries[index + 1]?.image : undefined;
  useEffect(() => {
    if (index >= 0 && next === undefined) void pictures.loadMore();
  }, [index, entries.length]);
  return { previous, next };
}

/** Opens the previous or the next picture. Disabled if there is none. */
function StepButton({ name, image, isBack }: { name: string; image: string | undefined; isBack?: boolean }) {
  return (
    <button
      class={isBack ? "step-button back" : "step-button"}
      aria-label={name}
      title={name}
      disabled={image === undefined}
      onClick={() => image !== undefined && showImage(image)}
    >
      {isBack ? <ChevronLeft /> : <ChevronRight />}
    </button>
  );
}
