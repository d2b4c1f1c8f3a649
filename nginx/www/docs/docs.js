// The description of the API in a browser. What only reads can be tried out, as the one who is signed in; changes are
// left to the pages, which ask before they act.
window.SwaggerUIBundle({
  url: "/docs/openapi.yaml",
  dom_id: "#api",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  supportedSubmitMethods: ["get"],
  validatorUrl: null,
  withCredentials: true,
  // The description names a server of its own; what is tried out goes to this one.
  requestInterceptor: (request) => {
    const { pathname, search } = new URL(request.url, location.origin);
    request.url = location.origin + pathname + search;
    return request;
  },
});
