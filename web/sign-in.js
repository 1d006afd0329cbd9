// @ts-check

// Addresses are relative to where this file came from: the page works below any prefix.
const root = new URL('..', import.meta.url);
const form = /** @type {HTMLFormElement} */ (document.getElementById('form'));
const token = /** @type {HTMLInputElement} */ (document.getElementById('token'));
const trouble = /** @type {HTMLElement} */ (document.getElementById('trouble'));

// Who followed a link from elsewhere may be signed in: a browser shows that only to pages that were opened from here.
const tried = Number(sessionStorage.getItem('mainstay-tried') ?? 0);
if (Date.now() - tried > 5000) {
  sessionStorage.setItem('mainstay-tried', String(Date.now()));
  const me = await fetch(new URL('v1/me', root)).then((answer) => answer.json(), () => ({}));
  if (me.role) location.replace(location.href);
}

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  trouble.textContent = '';
  try {
    const answer = await fetch(new URL('v1/sign-in', root), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ token: token.value }),
    });
    if (answer.ok) {
      // The page that was asked for stands at this very address. A link from elsewhere may lead here the next moment.
      sessionStorage.removeItem('mainstay-tried');
      location.reload();
      return;
    }
    const problem = await answer.json();
    trouble.textContent = `That did not work: ${problem.text}.`;
  } catch {
    trouble.textContent = 'Nothing answers. Is the daemon running?';
  }
  token.select();
});
