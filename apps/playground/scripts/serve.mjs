// Serves the built page on localhost: `npm run playground`. `--port N`; without it 5173, or the next that is free.
import { createReadStream } from "node:fs";
import { createServer } from "node:http";

const page = new URL("../dist/index.html", import.meta.url);
const wanted = process.argv.indexOf("--port");
const first = wanted < 0 ? 5173 : Number(process.argv[wanted + 1]);

const server = createServer((request, response) => {
  const { pathname } = new URL(request.url ?? "/", "http://localhost");
  if (pathname !== "/" && pathname !== "/index.html") {
    response.writeHead(404).end("There is one page: /");
    return;
  }
  response.writeHead(200, { "content-type": "text/html; charset=utf-8", "cache-control": "no-cache" });
  createReadStream(page).pipe(response);
});

let port = first;
server.on("error", (error) => {
  if (error.code !== "EADDRINUSE" || wanted >= 0 || port >= first + 20) throw error;
  port += 1;
  server.listen(port, "127.0.0.1");
});
server.on("listening", () => console.log(`The playground: http://localhost:${port}/\nStop it with Ctrl-C.`));
server.listen(port, "127.0.0.1");
