"use strict";
// A link from elsewhere, such as from a chat, comes without the session's cookie, which is SameSite=Strict; a request of
// this page has it. Whoever is signed in already goes on.
(async () => {
  const { next } = document.querySelector("form").dataset;
  if ((await fetch(next, { method: "HEAD", headers: { Accept: "*/*" } })).ok) location.replace(next);
})();
