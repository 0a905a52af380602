// Swagger UI over our own description; it asks no other host and remembers no token.
"use strict";

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
});
