import type { ComponentChildren } from "preact";
import "./icons.css";

/** Each icon is drawn in a square of 24 by 24 units. */
function Icon({ children }: { children: ComponentChildren }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      {children}
    </svg>
  );
}

export const Cross = () => <Icon><path d="M6 6l12 12M18 6L6 18" /></Icon>;
export const Plus = () => <Icon><path d="M12 5v14M5 12h14" /></Icon>;
export const ChevronLeft = () => <Icon><path d="M15 5l-7 7 7 7" /></Icon>;
export const ChevronRight = () => <Icon><path d="M9 5l7 7-7 7" /></Icon>;
export const Magnifier = () => <Icon><circle cx="11" cy="11" r="6" /><path d="M20 20l-4.5-4.5" /></Icon>;
export const TrashCan = () => <Icon><path d="M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13M10.5 11v5M13.5 11v5" /></Icon>;
export const PictureFrame = () => (
  <Icon><rect x="4" y="5" width="16" height="14" rx="2" /><circle cx="9" cy="10" r="1.6" /><path d="M5 17l5-4 3 2 3-3 3 3" /></Icon>
);
export const Warning = () => <Icon><path d="M12 4l9 16H3zM12 10v4M12 17v.2" /></Icon>;
/** Shows that nothing was recognised. */
export const EmptyViewfinder = () => (
  <Icon><path d="M4 8V5.5A1.5 1.5 0 0 1 5.5 4H8M16 4h2.5A1.5 1.5 0 0 1 20 5.5V8M20 16v2.5a1.5 1.5 0 0 1-1.5 1.5H16M8 20H5.5A1.5 1.5 0 0 1 4 18.5V16M9 12h6" /></Icon>
);
export const SignOut = () => <Icon><path d="M14 4H6v16h8M11 12h9M17 8.5l3.5 3.5-3.5 3.5" /></Icon>;
/** Sightline's logo: a viewfinder around a dot. */
export const Logo = () => (
  <svg class="logo" viewBox="0 0 24 24" aria-hidden="true">
    <path d="M3 8V5a2 2 0 0 1 2-2h3M16 3h3a2 2 0 0 1 2 2v3M21 16v3a2 2 0 0 1-2 2h-3M8 21H5a2 2 0 0 1-2-2v-3" />
    <circle cx="12" cy="12" r="4.2" />
  </svg>
);
