//===- NpzFormat.cpp - NumPy's .npz ---------------------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A .zip archive of .npy files. Section numbers are those of PKWARE's
// APPNOTE.TXT 6.3.
//
//===----------------------------------------------------------------------===//

#include "ByteSource.h"

#include <algorithm>
#include <zlib.h>

using namespace mpc;

namespace {

/// Little-endian numbers in a piece of the archive.
class Fields {
public:
  explicit Fields(const std::vector<char> &bytes) : bytes(bytes) {}
  uint64_t at(size_t offset, unsigned count) const {
    uint64_t value = 0;
    for (unsigned i = 0; i < count; ++i)
      value |= uint64_t(uint8_t(bytes[offset + i])) << 8 * i;
    return value;
  }

private:
  const std::vector<char> &bytes;
};

struct Member {
  std::string name;
  uint64_t method, checksum, compressed, size, header;
};

class ZipReader {
public:
  ZipReader(std::shared_ptr<ByteSource> source, std::string path,
            std::string &error)
      : source(std::move(source)), path(std::move(path)), error(error) {}

  bool readDirectory(std::vector<Member> &members);
  bool readMember(const Member &member, TensorReaders &readers);

private:
  bool fail(const std::string &what) {
    error = path + ": " + what;
    return false;
  }
  bool damaged() { return fail("the .npz archive is damaged or cut off"); }

  /// Reads a piece; fails if it is not within the file.
  bool load(uint64_t offset, uint64_t count, std::vector<char> &bytes) {
    uint64_t size = uint64_t(source->size());
    if (offset > size || count > size - offset)
      return damaged();
    bytes.resize(count);
    return source->read(int64_t(offset), int64_t(count), bytes.data(), error);
  }
  bool findDirectory(uint64_t &offset, uint64_t &size, uint64_t &count);
  bool inflateMember(const Member &member, uint64_t offset,
                     std::vector<char> &out);

  std::shared_ptr<ByteSource> source;
  std::string path;
  std::string &error;
};

/// The end of central directory record (4.3.16) is at the end, before a comment
/// of at most 65,535 bytes; a Zip64 locator (4.3.15) stands before it.
bool ZipReader::findDirectory(uint64_t &offset, uint64_t &size,
                              uint64_t &count) {
  uint64_t total = uint64_t(source->size());
  uint64_t tail = std::min<uint64_t>(total, 22 + 65535 + 20);
  std::vector<char> bytes;
  if (!load(total - tail, tail, bytes))
    return false;
  Fields fields(bytes);
  for (size_t at = tail >= 22 ? tail - 21 : 0; at-- > 0;) {
    if (fields.at(at, 4) != 0x06054b50)
      continue;
    count = fields.at(at + 10, 2);
    size = fields.at(at + 12, 4);
    offset = fields.at(at + 16, 4);
    if (at < 20 || fields.at(at - 20, 4) != 0x07064b50)
      return true;
    std::vector<char> record;
    if (!load(fields.at(at - 20 + 8, 8), 56, record))
      return false;
    Fields wide(record);
    if (wide.at(0, 4) != 0x06064b50)
      return damaged();
    count = wide.at(32, 8);
    size = wide.at(40, 8);
    offset = wide.at(48, 8);
    return true;
  }
  return fail("expected an .npz archive, but got other contents");
}

/// Central directory headers (4.3.12).
bool ZipReader::readDirectory(std::vector<Member> &members) {
  uint64_t offset, size, count;
  std::vector<char> bytes;
  if (!findDirectory(offset, size, count) || !load(offset, size, bytes))
    return false;
  Fields fields(bytes);
  size_t at = 0;
  for (uint64_t i = 0; i < count; ++i) {
    if (bytes.size() - at < 46 || fields.at(at, 4) != 0x02014b50)
      return damaged();
    Member member;
    uint64_t flags = fields.at(at + 8, 2);
    member.method = fields.at(at + 10, 2);
    member.checksum = fields.at(at + 16, 4);
    member.compressed = fields.at(at + 20, 4);
    member.size = fields.at(at + 24, 4);
    size_t nameBytes = fields.at(at + 28, 2),
           extraBytes = fields.at(at + 30, 2),
           commentBytes = fields.at(at + 32, 2);
    member.header = fields.at(at + 42, 4);
    at += 46;
    if (bytes.size() - at < nameBytes + extraBytes + commentBytes)
      return damaged();
    member.name.assign(bytes.begin() + at, bytes.begin() + at + nameBytes);
    at += nameBytes;
    // The Zip64 field (4.5.3) holds, in this order, those of three numbers that
    // did not fit.
    size_t extraEnd = at + extraBytes;
    for (size_t extra = at; extra + 4 <= extraEnd;) {
      uint64_t id = fields.at(extra, 2);
      size_t end = extra + 4 + fields.at(extra + 2, 2);
      extra += 4;
      if (end > extraEnd)
        return damaged();
      if (id == 1)
        for (uint64_t *number :
             {&member.size, &member.compressed, &member.header})
          if (*number == 0xffffffff && extra + 8 <= end) {
            *number = fields.at(extra, 8);
            extra += 8;
          }
      extra = end;
    }
    at = extraEnd + commentBytes;
    if (flags & 1)
      return fail("member '" + member.name + "' is encrypted");
    members.push_back(std::move(member));
  }
  return true;
}

bool ZipReader::inflateMember(const Member &member, uint64_t offset,
                              std::vector<char> &out) {
  std::vector<char> in;
  if (!load(offset, member.compressed, in))
    return false;
  // Deflate shrinks to no less than 1/1032: a larger claim is a lie, and would
  // be a way to ask for any amount of memory.
  if (member.size / 1032 > member.compressed + 1)
    return damaged();
  out.resize(member.size);
  z_stream stream = {};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
    return fail("cannot start decompressing");
  // zlib counts in 32 bits.
  constexpr uint64_t most = 1u << 30;
  uint64_t read = 0, written = 0;
  int status = Z_OK;
  while (status == Z_OK) {
    uInt give = uInt(std::min<uint64_t>(in.size() - read, most));
    uInt take = uInt(std::min<uint64_t>(out.size() - written, most));
    stream.next_in = reinterpret_cast<Bytef *>(in.data() + read);
    stream.avail_in = give;
    stream.next_out = reinterpret_cast<Bytef *>(out.data() + written);
    stream.avail_out = take;
    status = inflate(&stream, Z_NO_FLUSH);
    read += give - stream.avail_in;
    written += take - stream.avail_out;
    if (give == stream.avail_in && take == stream.avail_out)
      break;
  }
  inflateEnd(&stream);
  if (status != Z_STREAM_END || written != out.size())
    return damaged();
  uLong checksum =
      crc32_z(0, reinterpret_cast<const Bytef *>(out.data()), out.size());
  return checksum == member.checksum || damaged();
}

bool ZipReader::readMember(const Member &member, TensorReaders &readers) {
  std::string name = member.name.substr(0, member.name.size() - 4);
  std::string origin = path + ": member '" + name + "'";
  // The local header (4.3.7) repeats the name and has its own extra field.
  std::vector<char> local;
  if (!load(member.header, 30, local))
    return false;
  Fields fields(local);
  if (fields.at(0, 4) != 0x04034b50)
    return damaged();
  uint64_t offset = member.header + 30 + fields.at(26, 2) + fields.at(28, 2);
  if (member.method == 0) {
    uint64_t total = uint64_t(source->size());
    if (offset > total || member.size > total - offset)
      return damaged();
    return readNpy(source, int64_t(offset), int64_t(member.size), path, name,
                   origin, readers, error);
  }
  if (member.method != 8)
    return fail("member '" + name +
                "' is compressed in a way other than deflate");
  std::vector<char> bytes;
  if (!inflateMember(member, offset, bytes))
    return false;
  return readNpy(makeMemorySource(std::move(bytes)), 0, int64_t(member.size),
                 path, name, origin, readers, error);
}

} // namespace

bool mpc::readNpz(std::shared_ptr<ByteSource> source, const std::string &path,
                  TensorReaders &readers, std::string &error) {
  ZipReader zip(std::move(source), path, error);
  std::vector<Member> members;
  if (!zip.readDirectory(members))
    return false;
  size_t before = readers.size();
  for (const Member &member : members)
    if (member.name.size() > 4 &&
        !member.name.compare(member.name.size() - 4, 4, ".npy") &&
        !zip.readMember(member, readers))
      return false;
  if (readers.size() == before) {
    error = path + ": the .npz archive holds no array";
    return false;
  }
  return true;
}
