import { signal } from "@preact/signals";

const announcement = signal("");

/** Make screen readers say a text. */
export function announce(text: string) {
  announcement.value = text;
}

export function Announcements() {
  return (
    <div class="visually-hidden" role="status">
      {announcement.value}
    </div>
  );
}
