// What the page asks of the program behind it. Errors are its sentences.

export async function call(method, path, body) {
  const sent = body instanceof Blob ? body : body === undefined ? undefined : JSON.stringify(body);
  let answer;
  try {
    answer = await fetch(path, { method, body: sent });
  } catch {
    throw new Error("stylize page has ended: start it again in the terminal");
  }
  if (answer.ok) return answer;
  const text = await answer.text();
  let said = text;
  try { said = JSON.parse(text).error; } catch { /* the gate answers in plain text */ }
  throw new Error(said.replace(/^error: /, ""));
}

export const post = (path, body) => call("POST", path, body);

export async function give(file, role) {
  const asked = new URLSearchParams({ name: file.name || "pasted.png", role });
  return (await call("POST", `/api/pictures?${asked}`, file)).json();
}

export function watch(onSnapshot, onLost) {
  const events = new EventSource("/api/events");
  events.onmessage = (message) => onSnapshot(JSON.parse(message.data));
  events.onerror = () => onLost();
}

export const urls = {
  photo: (id) => `/api/pictures/${id}`,
  thumbnail: (id) => `/api/pictures/${id}/thumbnail`,
  styles: (photo, model) => `/api/styles?${new URLSearchParams({ photo, model })}`,
  emerging: (job) => `/api/jobs/${job.id}/picture?${job.shown}`,
  made: (id, suffix) => `/api/made/${id}.${suffix}`,
  madeThumbnail: (id) => `/api/made/${id}/thumbnail`,
};
