"use strict";
const dark = matchMedia("(prefers-color-scheme: dark)");
const paint = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
paint();
dark.addEventListener("change", paint);
// No setting comes from the URL of the page, credentials are not kept, and no validator is asked.
window.ui = SwaggerUIBundle({
  url: $DOCUMENT_URL,
  dom_id: "#swagger-ui",
  deepLinking: true,
  layout: "BaseLayout",
  presets: [SwaggerUIBundle.presets.apis],
  persistAuthorization: false,
  queryConfigEnabled: false,
  validatorUrl: null,
  onComplete: () => { document.title = ui.specSelectors.info().get("title") || document.title; },
});
