// Swagger UI over our own description; it asks no other host and remembers no token.
"use strict";

// Credentials of one operation each, which nobody types: a refresh token goes into its body.
const RARE = ["refreshToken", "metricsToken"];

const withoutRareCredentials = () => ({
  statePlugins: {
    auth: {
      wrapSelectors: {
        definitionsToAuthorize: (original) => (state, ...rest) =>
          original(state, ...rest)?.filter((one) => !RARE.some((name) => one.has(name))),
      },
    },
  },
});

window.ui = SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: "list",
  operationsSorter: "alpha",
  tagsSorter: "alpha",
  persistAuthorization: false,
  tryItOutEnabled: true,
  validatorUrl: null,
  plugins: [withoutRareCredentials],
});
