// Node asks the system's resolver for names below localhost, which may not know them (RFC 6761 says they are loopback).
const dns = require("dns");
const lookup = dns.lookup;
dns.lookup = (name, options, callback) => {
  if (typeof options === "function") [options, callback] = [{}, options];
  return lookup(name.endsWith(".localhost") ? "127.0.0.1" : name, options, callback);
};
