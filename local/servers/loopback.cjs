// Loaded with `node --require`: binds every listener to 127.0.0.1, for servers that have no option for it.
"use strict";
const net = require("node:net");

const LOOPBACK = "127.0.0.1";
const listen = net.Server.prototype.listen;

net.Server.prototype.listen = function listenOnLoopback(first, ...rest) {
  if (first !== null && typeof first === "object" && "port" in first) {
    return listen.call(this, { ...first, host: LOOPBACK }, ...rest);
  }
  if (typeof first === "number" || /^\d+$/.test(first)) {
    const others = typeof rest[0] === "string" || rest[0] == null ? rest.slice(1) : rest;
    return listen.call(this, first, LOOPBACK, ...others);
  }
  return listen.call(this, first, ...rest);
};
