// A page with addresses of its own: whatever path it was opened by, the server sent the same file.
document.querySelector('#where').textContent = `You are at ${location.pathname}.`
