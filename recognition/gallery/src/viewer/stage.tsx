import { useEffect, useState } from "preact/hooks";
import type { Api } from "../api/api";
import type { Box, Picture, Point } from "../api/documents";
import { visible } from "../shared/hidden_characters";
import { PictureFrame, Warning } from "../shared/icons";
import { pauseBeforeRetry } from "../shared/pause";
import { isBlurred, reveal } from "../shared/revealed";
import { VisibleText } from "../shared/visible_text";
import { strings } from "../strings";
import { type FoundItem, foundGroups, labelItems } from "./found_items";
import type { Highlight } from "./highlight";
import "./stage.css";

const RENDITION_ATTEMPTS = 9; // within two minutes
/** After more attempts than this, the page says that the picture does not load. The attempts go on. */
const SILENT_ATTEMPTS = 2;
/** Above a box that is nearer to the top than this share of the picture's height, there is no room for a name. */
const TOP_SHARE = 0.08;

interface Properties {
  api: Api;
  picture: Picture;
  highlight: Highlight;
}

/** Shows the picture with the places of what was found. Without a picture, shows the reason. */
export function Stage({ api, picture, highlight }: Properties) {
  const { url, attempt, tryAgain } = useDisplayableUrl(api, picture);
  const [ratio, setRatio] = useState(0);
  const isHidden = isBlurred(picture);
  return (
    <>
      {attempt > 0 && !ratio && <NoPicture picture={picture} isLate={attempt > SILENT_ATTEMPTS} />}
      <div class={classes("frame", !ratio && "loading", isHidden && "blurred")} style={ratio ? { "--ratio": `${ratio}` } : {}}>
        <img
          key={attempt}
          src={url}
          alt={strings.alternative(picture.image, picture.labels.map((label) => label.name))}
          draggable={false}
          onLoad={({ currentTarget: { naturalWidth, naturalHeight } }) => setRatio(naturalWidth / naturalHeight)}
          onError={() => void tryAgain()}
        />
        {ratio > 0 && !isHidden && <Places picture={picture} highlight={highlight} />}
      </div>
      {ratio > 0 && isHidden && <HiddenNote picture={picture} />}
    </>
  );
}

/** Return the picture's URL. After `tryAgain`, wait for the converted copy and return its URL. */
function useDisplayableUrl(api: Api, picture: Picture) {
  const [attempt, setAttempt] = useState(0);
  const [rendition, setRendition] = useState(picture.rendition_url);

  async function tryAgain() {
    if (attempt > 0) await pauseBeforeRetry(attempt);
    setAttempt(attempt + 1);
  }

  useEffect(() => {
    if (!attempt || rendition || picture.failure || attempt > RENDITION_ATTEMPTS) return;
    let isMounted = true;
    (async () => {
      const found = await api.picture(picture.image).catch(() => null);
      if (!isMounted) return;
      if (found?.rendition_url) setRendition(found.rendition_url);
      else await tryAgain();
    })();
    return () => {
      isMounted = false;
    };
  }, [attempt]);

  return { url: attempt ? rendition : picture.picture_url, attempt, tryAgain };
}

function NoPicture({ picture: { failure }, isLate }: { picture: Picture; isLate: boolean }) {
  return (
    <p class="no-picture">
      {failure ? <Warning /> : <PictureFrame />}
      <VisibleText text={failure?.message ?? (isLate ? strings.cannotShow : strings.converting)} />
    </p>
  );
}

function HiddenNote({ picture }: { picture: Picture }) {
  function show(event: MouseEvent) {
    (event.currentTarget as HTMLElement).closest("dialog")?.focus(); // the button disappears, and the keys still work
    reveal(picture);
  }
  return (
    <p class="hidden-note">
      <Warning /> {strings.hiddenPicture}
      <button class="primary-button" onClick={show}>
        {strings.show}
      </button>
    </p>
  );
}

/** Shows the boxes and outlines of all items. Those of the highlighted item stand out. */
function Places({ picture, highlight }: { picture: Picture; highlight: Highlight }) {
  // The last box is on top. A celebrity's name covers the name of the same face, which is less useful.
  const groups = foundGroups(picture).toReversed();
  const items = [...labelItems(picture.labels), ...groups.flatMap((group) => group.items)];
  const state = ({ key }: FoundItem) =>
    highlight.key === null ? "" : highlight.key === key ? "highlighted" : "dimmed";
  return (
    <>
      <svg class="outlines" viewBox="0 0 1 1" preserveAspectRatio="none" aria-hidden="true">
        {items.map((item) => item.outline && (
          <polygon
            key={item.key}
            class={state(item)}
            style={{ "--hue": item.hue }}
            points={pointList(item.outline)}
            onMouseEnter={() => highlight.setPointed(item.key)}
            onMouseLeave={() => highlight.setPointed(null)}
          >
            <title>{visible(item.name)}</title>
          </polygon>
        ))}
      </svg>
      {items.flatMap((item) =>
        item.boxes.map((box, index) => (
          <div
            key={`${item.key} ${index}`}
            class={classes("box", item.isNamed && "named", ...sides(box), state(item))}
            data-label={item.name}
            style={{ "--hue": item.hue, ...rectangle(box) }}
          >
            <span>
              <VisibleText text={item.name} />
            </span>
          </div>
        )),
      )}
    </>
  );
}

const classes = (...names: (string | false)[]) => names.filter(Boolean).join(" ");

const pointList = (points: Point[]) => points.map(({ x, y }) => `${x},${y}`).join(" ");

/** Return the classes of a box near the picture's edge. Its name would reach beyond the picture. */
const sides = ({ left, top }: Box) => [top < TOP_SHARE && "at-top", left > 0.5 && "at-right"];

const rectangle = ({ left, top, width, height }: Box) => ({
  left: `${left * 100}%`,
  top: `${top * 100}%`,
  width: `${width * 100}%`,
  height: `${height * 100}%`,
});
