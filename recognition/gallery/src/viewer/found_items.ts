import type { AbilityResult, AbilityResults, Box, Face, Kind, Label, Picture, Point, Term } from "../api/documents";
import { quoted } from "../shared/hidden_characters";
import { strings } from "../strings";
import { labelHue } from "./label_hue";

/** Something that was found in a picture: a line of the details, with its places in the picture. */
export interface FoundItem {
  /** Identifies the item within the picture. */
  key: string;
  name: string;
  confidence: number;
  /** A short text below the name. */
  note: string;
  hue: string;
  boxes: Box[];
  /** True if the boxes always show the name. */
  isNamed: boolean;
  outline: Point[] | null;
  /** The term that finds pictures with the same, if there is one. */
  term: Term | null;
}

/** The items that one ability found. */
export interface FoundGroup {
  name: keyof AbilityResults;
  items: FoundItem[];
  result: AbilityResult<unknown>;
}

/** Other kinds begin with other colours than labels. */
const FIRST_HUES = { label: 0, text: 1, moderation: 0, face: 3, celebrity: 6 };

export function labelItems(labels: Label[]): FoundItem[] {
  return labels.map(({ name, confidence, parents, categories, instances }, index) => ({
    ...item("label", index, name, confidence),
    note: joined(strings.parents(parents), quoted(categories.join(", ")), instances.length ? strings.boxes(instances.length) : ""),
    boxes: instances.map(({ box }) => box),
  }));
}

/** Return what the abilities found, in the order in which the page shows it. */
export function foundGroups({ abilities = {} }: Picture): FoundGroup[] {
  const { text, moderation, faces, celebrities } = abilities;
  return [
    ...group("moderation", moderation, ({ name, parent, confidence }, index) => ({
      ...item("moderation", index, name, confidence),
      note: parent ? quoted(parent) : "",
    })),
    ...group("celebrities", celebrities, ({ name, confidence, box }, index) => ({
      ...item("celebrity", index, name, confidence),
      boxes: [box],
      isNamed: true,
    })),
    ...group("faces", faces, (face, index) => ({
      ...item("face", index, strings.face(index + 1), face.confidence),
      note: attributesOf(face),
      boxes: [face.box],
      isNamed: true,
    })),
    ...group("text", text && { ...text, found: text.found.filter(({ type }) => type === "line") }, (line, index) => ({
      ...item("text", index, line.text, line.confidence),
      outline: line.polygon?.length ? line.polygon : cornersOf(line.box),
    })),
  ];
}

function group<Finding>(
  name: keyof AbilityResults,
  result: AbilityResult<Finding> | undefined,
  read: (finding: Finding, index: number) => FoundItem,
): FoundGroup[] {
  return result ? [{ name, result, items: result.found.map(read) }] : [];
}

function item(kind: Kind | "face", index: number, name: string, confidence: number): FoundItem {
  const key = `${kind} ${index}`;
  const term = kind === "face" ? null : { kind, name };
  return { key, term, name, confidence, note: "", hue: labelHue(index + FIRST_HUES[kind]), boxes: [], isNamed: false, outline: null };
}

const joined = (...texts: string[]) => texts.filter(Boolean).join(" · ");

/** Describe the attributes that have a value of yes or no, such as "smile: yes". */
function attributesOf({ attributes }: Face): string {
  const values = Object.entries(attributes).map(([name, value]) => {
    const answer = (value as { value?: unknown } | null)?.value;
    return answer === undefined ? "" : strings.attribute(name, answer);
  });
  return joined(...values);
}

function cornersOf({ left, top, width, height }: Box): Point[] {
  const [right, bottom] = [left + width, top + height];
  return [{ x: left, y: top }, { x: right, y: top }, { x: right, y: bottom }, { x: left, y: bottom }];
}
