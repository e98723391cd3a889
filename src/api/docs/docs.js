// Shows openapi.json by Swagger UI, where the build had it.
'use strict';

const place = document.getElementById('docs');
if (typeof SwaggerUIBundle === 'undefined') {
  place.innerHTML =
    '<p class="missing">This build has no Swagger UI: npm was not there when it was built. ' +
    'The description of the API is <a href="openapi.json">openapi.json</a>.</p>';
} else {
  SwaggerUIBundle({
    url: 'openapi.json',
    domNode: place,
    deepLinking: true,
    docExpansion: 'list',
    defaultModelsExpandDepth: 0,
    persistAuthorization: false,
    tryItOutEnabled: true,
    validatorUrl: null,
  });
}
