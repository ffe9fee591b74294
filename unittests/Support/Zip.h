//===- Zip.h - Writing .zip archives for tests ------------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_UNITTESTS_SUPPORT_ZIP_H
#define MPC_UNITTESTS_SUPPORT_ZIP_H

#include <string>
#include <utility>
#include <vector>
#include <zlib.h>

namespace mpc {

/// An archive as numpy.savez writes it: stored members, or deflated ones.
inline std::vector<char>
makeZip(const std::vector<std::pair<std::string, std::vector<char>>> &members,
        bool deflated = false) {
  std::vector<char> file, directory;
  auto put = [](std::vector<char> &to, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i)
      to.push_back(char(value >> 8 * i));
  };
  auto append = [](std::vector<char> &to, const auto &bytes) {
    to.insert(to.end(), bytes.begin(), bytes.end());
  };
  for (const auto &[name, content] : members) {
    std::vector<char> body = content;
    if (deflated) {
      z_stream stream = {};
      deflateInit2(&stream, 6, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
      body.resize(deflateBound(&stream, uLong(content.size())));
      stream.next_in =
          reinterpret_cast<Bytef *>(const_cast<char *>(content.data()));
      stream.avail_in = uInt(content.size());
      stream.next_out = reinterpret_cast<Bytef *>(body.data());
      stream.avail_out = uInt(body.size());
      deflate(&stream, Z_FINISH);
      body.resize(stream.total_out);
      deflateEnd(&stream);
    }
    uint64_t offset = file.size();
    uLong checksum = crc32(0, reinterpret_cast<const Bytef *>(content.data()),
                           uInt(content.size()));
    std::vector<char> common;
    put(common, 20, 2);
    put(common, 0, 2);
    put(common, deflated ? 8 : 0, 2);
    put(common, 0, 4);
    put(common, checksum, 4);
    put(common, body.size(), 4);
    put(common, content.size(), 4);
    put(common, name.size(), 2);
    put(file, 0x04034b50, 4);
    append(file, common);
    put(file, 0, 2);
    append(file, name);
    append(file, body);
    put(directory, 0x02014b50, 4);
    put(directory, 20, 2);
    append(directory, common);
    put(directory, 0, 2); // extra field
    put(directory, 0, 2); // comment
    put(directory, 0, 8); // disk, attributes
    put(directory, offset, 4);
    append(directory, name);
  }
  uint64_t start = file.size();
  append(file, directory);
  put(file, 0x06054b50, 4);
  put(file, 0, 4);
  put(file, members.size(), 2);
  put(file, members.size(), 2);
  put(file, directory.size(), 4);
  put(file, start, 4);
  put(file, 0, 2);
  return file;
}

} // namespace mpc

#endif // MPC_UNITTESTS_SUPPORT_ZIP_H
