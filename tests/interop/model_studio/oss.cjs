// The npm package ali-oss against a bucket: PORT v1|v4. Says what went wrong and exits with 1.
const assert = require("assert");
const crypto = require("crypto");
const fs = require("fs");
const os = require("os");
const path = require("path");
const OSS = require("ali-oss");

const [port, version] = process.argv.slice(2);
const base = {
  region: "oss-cn-beijing",
  endpoint: `http://oss-cn-beijing.localhost:${port}`,
  bucket: "scribefs-test",
  accessKeyId: "LTAItest",
  authorizationV4: version === "v4",
};
const client = new OSS({ ...base, accessKeySecret: "oss-test-secret" });
const fails = (promise, code) => assert.rejects(promise, (error) => assert.equal(error.code, code) ?? true);
const names = async (options) => (await client.listV2(options)).objects?.map((o) => o.name) ?? [];

async function main() {
  const name = "Gespräche/nr +1 & 2.wav";
  await client.put(name, Buffer.from("hello world"), { headers: { "x-oss-forbid-overwrite": "true" }, meta: { who: "me" }, mime: "audio/wav" });
  await fails(client.put(name, Buffer.from("again"), { headers: { "x-oss-forbid-overwrite": "true" } }), "FileAlreadyExists");
  const got = await client.get(name);
  assert.equal(got.content.toString(), "hello world");
  assert.equal(got.res.headers["content-type"], "audio/wav");
  assert.equal((await client.get(name, { headers: { Range: "bytes=0-4" } })).content.toString(), "hello");
  assert.deepEqual((await client.head(name)).meta, { who: "me" });
  await fails(client.get("missing"), "NoSuchKey");
  await fails(new OSS({ ...base, accessKeySecret: "wrong" }).get(name), "SignatureDoesNotMatch");
  await fails(new OSS({ ...base, accessKeyId: "LTAInobody", accessKeySecret: "x" }).get(name), "InvalidAccessKeyId");

  const url = version === "v4" ? await client.signatureUrlV4("GET", 3600, undefined, name) : client.signatureUrl(name, { expires: 3600 });
  assert.equal((await new OSS({ ...base, accessKeySecret: "oss-test-secret" }).urllib.request(url)).data.toString(), "hello world");
  const download = client.signatureUrl(name, { response: { "content-disposition": 'attachment; filename="a b.wav"' } });
  const answer = await client.urllib.request(download);
  assert.equal(answer.headers["content-disposition"], 'attachment; filename="a b.wav"');

  await client.putStream("stream.bin", fs.createReadStream(__filename), { contentLength: fs.statSync(__filename).size });
  assert.equal((await client.get("stream.bin")).content.toString(), fs.readFileSync(__filename, "utf8"));

  const large = path.join(os.tmpdir(), "large.bin");
  const content = crypto.randomBytes(1_000_000);
  fs.writeFileSync(large, content);
  let progress = 0;
  await client.multipartUpload("large.bin", large, { partSize: 110 * 1024, progress: (p) => (progress = p) });
  assert.equal(progress, 1);
  assert((await client.get("large.bin")).content.equals(content));
  const { uploadId } = await client.initMultipartUpload("aborted.bin");
  assert.equal((await client.listUploads({ "max-uploads": 10 })).uploads.length, 1);
  await client.abortMultipartUpload("aborted.bin", uploadId);
  assert.equal(((await client.listUploads({ "max-uploads": 10 })).uploads ?? []).length, 0);

  assert.deepEqual(await names({ "max-keys": 1000 }), [name, "large.bin", "stream.bin"]);
  assert.deepEqual(await names({ prefix: "Gespr", "max-keys": 1000 }), [name]);
  assert.deepEqual((await client.listV2({ delimiter: "/", "max-keys": 1000 })).prefixes, ["Gespräche/"]);
  const page = await client.listV2({ "max-keys": 2 });
  assert.equal(page.isTruncated, true);
  assert.deepEqual(await names({ "max-keys": 2, "continuation-token": page.nextContinuationToken }), ["stream.bin"]);
  await client.delete(name);
  await client.deleteMulti(["large.bin", "stream.bin"]);
  assert.deepEqual(await names({ "max-keys": 1000 }), []);
  console.log("good");
}

main().catch((error) => {
  console.error(error.stack ?? error);
  process.exit(1);
});
