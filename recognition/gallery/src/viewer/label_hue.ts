const HUES = [210, 28, 150, 330, 265, 60, 185, 0, 100, 295];

/** Return the hue of the label's bar and boxes, for the CSS variable `--hue`. */
export const labelHue = (index: number) => `${HUES[index % HUES.length]}`;
