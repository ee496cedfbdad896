import { render } from "preact";
import { Gallery } from "./gallery";

const place = document.getElementById("gallery");
if (place) render(<Gallery />, place);
