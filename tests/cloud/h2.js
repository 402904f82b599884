// HTTP/2 in front of a server that does not know it: h2.js KEY CERTIFICATE PORT. Prints its port, then "session" for each
// connection and "stream METHOD PATH" for each request. What breaks behind it breaks the stream.
'use strict';
const fs = require('fs');
const http = require('http');
const http2 = require('http2');
const [key, cert, port] = process.argv.slice(2);
const server = http2.createSecureServer({key: fs.readFileSync(key), cert: fs.readFileSync(cert), allowHTTP1: false});
server.on('session', () => console.log('session'));
server.on('stream', (stream, headers) => {
    console.log('stream', headers[':method'], headers[':path']);
    const plain = {host: headers[':authority']};
    for (const [name, value] of Object.entries(headers)) if (!name.startsWith(':')) plain[name] = value;
    const request = http.request({host: '127.0.0.1', port, method: headers[':method'], path: headers[':path'], headers: plain});
    request.on('response', (response) => {
        const answer = {':status': response.statusCode};
        for (const [name, value] of Object.entries(response.headers))
            if (!['connection', 'keep-alive', 'transfer-encoding'].includes(name)) answer[name] = value;
        stream.respond(answer);
        response.pipe(stream);
        response.on('aborted', () => stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR));
    });
    request.on('error', () => stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR));
    stream.on('error', () => request.destroy());
    stream.pipe(request);
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
