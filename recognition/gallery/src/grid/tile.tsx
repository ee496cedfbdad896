import { imageAddress, showImage } from "../address";
import type { Api } from "../api/api";
import { visible } from "../shared/hidden_characters";
import { EmptyViewfinder, TrashCan, Warning } from "../shared/icons";
import { Preview } from "../shared/preview";
import { isBlurred, reveal } from "../shared/revealed";
import { ShortName } from "../shared/short_name";
import { VisibleText } from "../shared/visible_text";
import { strings } from "../strings";
import type { Upload } from "../uploads/upload";
import type { GridEntry } from "./picture_list";
import { Thumbnail } from "./thumbnail";
import "./tile.css";

interface TileProperties {
  api: Api;
  entry: GridEntry;
  preview: string | null;
  /** True for the one tile that the Tab key reaches. */
  isTabStop: boolean;
  /** The number of characters at the end of the name that are always visible. */
  nameEnd: number;
  onDelete: () => void;
}

export function Tile({ api, entry, preview, isTabStop, nameEnd, onDelete }: TileProperties) {
  const { image, uploaded_at } = entry;
  function onClick(event: MouseEvent) {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return; // the browser opens another tab
    event.preventDefault();
    showImage(image);
  }
  return (
    <>
      <a class="tile" href={imageAddress(image)} tabIndex={isTabStop ? 0 : -1} draggable={false} onClick={onClick}>
        <Thumbnail key={uploaded_at} api={api} entry={entry} preview={preview} />
        <span class="name">
          <ShortName name={image} end={nameEnd} />
        </span>
        <LabelsLine entry={entry} />
        <Badge entry={entry} />
      </a>
      {isBlurred(entry) && (
        <button
          class="reveal-button"
          tabIndex={-1} // from the keyboard, the picture opens, and can be shown there
          aria-label={strings.showNamed(image)}
          title={strings.hiddenPicture}
          onClick={() => reveal(entry)}
        >
          <Warning /> {strings.show}
        </button>
      )}
      <button
        class="delete-button"
        tabIndex={-1} // the Delete key works on the focused tile
        aria-label={strings.deleteNamed(image)}
        title={strings.delete}
        onClick={onDelete}
      >
        <TrashCan />
      </button>
    </>
  );
}

function LabelsLine({ entry: { failure, labels } }: { entry: GridEntry }) {
  const text = failure ? failure.message : labels.join(", ") || strings.noLabels;
  return (
    <span class="tile-labels icon-line" title={visible(text)}>
      {!failure && !labels.length && <EmptyViewfinder />} <VisibleText text={text} />
    </span>
  );
}

function Badge({ entry: { failure, confidence } }: { entry: GridEntry }) {
  if (failure) {
    return (
      <span class="badge failed icon-line">
        <Warning /> {strings.failedBadge}
      </span>
    );
  }
  return confidence === undefined ? null : <span class="badge">{strings.confidenceBadge(confidence)}</span>;
}

/** The tile of an upload that the system is still recognising. */
export function PendingTile({ upload, isTabStop, nameEnd }: { upload: Upload; isTabStop: boolean; nameEnd: number }) {
  return (
    <div class="tile" role="group" aria-label={visible(upload.title)} tabIndex={isTabStop ? 0 : -1}>
      <span class="thumbnail pending">
        <Preview url={upload.preview} />
      </span>
      <span class="name">
        <ShortName name={upload.title} end={nameEnd} />
      </span>
      <span class="badge pending">{strings.pendingBadge}</span>
    </div>
  );
}
