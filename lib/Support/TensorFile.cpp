//===- TensorFile.cpp - Tensors in files ----------------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/Support/TensorFile.h"

#include "ByteSource.h"

#include <cctype>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace mpc;

std::string mpc::describeErrno(int number) {
  std::string text = std::strerror(number);
  if (!text.empty())
    text[0] = char(std::tolower(static_cast<unsigned char>(text[0])));
  return text;
}

//===----------------------------------------------------------------------===//
// Byte sources
//===----------------------------------------------------------------------===//

namespace {
class FileSource : public ByteSource {
public:
  FileSource(int descriptor, int64_t size, std::string path)
      : descriptor(descriptor), path(std::move(path)) {
    numBytes = size;
  }
  ~FileSource() override { close(descriptor); }

  bool read(int64_t offset, int64_t count, char *out,
            std::string &error) const override {
    while (count > 0) {
      ssize_t got = pread(descriptor, out, size_t(count), offset);
      if (got < 0 && errno == EINTR)
        continue;
      if (got <= 0) {
        error = path + ": cannot read: " +
                (got ? describeErrno(errno) : "the file became shorter");
        return false;
      }
      out += got;
      offset += got;
      count -= got;
    }
    return true;
  }

private:
  int descriptor;
  std::string path;
};

class MemorySource : public ByteSource {
public:
  explicit MemorySource(std::vector<char> bytes) : bytes(std::move(bytes)) {
    numBytes = int64_t(this->bytes.size());
  }

  bool read(int64_t offset, int64_t count, char *out,
            std::string &error) const override {
    if (count)
      std::memcpy(out, bytes.data() + offset, size_t(count));
    return true;
  }

private:
  std::vector<char> bytes;
};
} // namespace

std::shared_ptr<ByteSource> mpc::openFile(const std::string &path,
                                          std::string &error) {
  int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status;
  if (descriptor < 0 || fstat(descriptor, &status)) {
    error = path + ": cannot open: " + describeErrno(errno);
    if (descriptor >= 0)
      close(descriptor);
    return nullptr;
  }
  if (!S_ISREG(status.st_mode)) {
    error = path + ": expected a file, but got " +
            (S_ISDIR(status.st_mode) ? "a folder" : "a device");
    close(descriptor);
    return nullptr;
  }
  return std::make_shared<FileSource>(descriptor, status.st_size, path);
}

std::shared_ptr<ByteSource> mpc::makeMemorySource(std::vector<char> bytes) {
  return std::make_shared<MemorySource>(std::move(bytes));
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

TensorReader::TensorReader(ElementType type, Shape shape, std::string name,
                           std::shared_ptr<ByteSource> source, int64_t offset,
                           std::string path)
    : elementType(type), sizes(std::move(shape)), tensorName(std::move(name)),
      source(std::move(source)), offset(offset), filePath(std::move(path)) {}

bool TensorReader::read(int64_t first, int64_t count, char *out,
                        std::string &error) const {
  int64_t bytes = elementBytes(elementType);
  return source->read(offset + first * bytes, count * bytes, out, error);
}

bool TensorReader::readAll(Tensor &tensor, std::string &error) const {
  int64_t count = countElements(sizes).value_or(0);
  tensor.type = elementType;
  tensor.shape = sizes;
  tensor.data.resize(size_t(count) * elementBytes(elementType));
  return read(0, count, tensor.data.data(), error);
}

static bool endsWith(const std::string &text, const char *ending) {
  size_t length = std::strlen(ending);
  return text.size() >= length &&
         !text.compare(text.size() - length, length, ending);
}

bool mpc::openTensorFile(const std::string &path, TensorReaders &readers,
                         std::string &error) {
  std::shared_ptr<ByteSource> source = openFile(path, error);
  if (!source)
    return false;
  if (endsWith(path, ".npy")) {
    int64_t size = source->size();
    return readNpy(std::move(source), 0, size, path, "", path, readers, error);
  }
  if (endsWith(path, ".npz"))
    return readNpz(std::move(source), path, readers, error);
  if (endsWith(path, ".pb"))
    return readTensorProto(std::move(source), path, readers, error);
  error = path + ": expected a file name that ends in .npy, .npz or .pb";
  return false;
}

bool mpc::parseTypedShape(const std::string &text, ElementType &type,
                          Shape &shape, std::string &error) {
  auto fail = [&] {
    error =
        "expected sizes and a type such as 4x2xbf16, but got '" + text + "'";
    return false;
  };
  shape.clear();
  size_t at = 0;
  for (size_t next; (next = text.find('x', at)) != std::string::npos;
       at = next + 1) {
    if (next == at || next - at > 18)
      return fail();
    int64_t size = 0;
    for (size_t i = at; i < next; ++i) {
      if (!std::isdigit(static_cast<unsigned char>(text[i])))
        return fail();
      size = size * 10 + (text[i] - '0');
    }
    shape.push_back(size);
  }
  std::optional<ElementType> parsed = parseElementType(text.substr(at));
  if (!parsed || !countElements(shape))
    return fail();
  type = *parsed;
  return true;
}

bool mpc::openRawFile(const std::string &path, ElementType type,
                      const Shape &shape, TensorReaders &readers,
                      std::string &error) {
  std::shared_ptr<ByteSource> source = openFile(path, error);
  if (!source)
    return false;
  int64_t wanted = countElements(shape).value_or(0) * elementBytes(type);
  if (source->size() != wanted) {
    error = path + ": expected " + std::to_string(wanted) + " bytes for " +
            shapeToString(shape) + " of " + elementTypeName(type) +
            ", but got " + std::to_string(source->size());
    return false;
  }
  readers.emplace_back(type, shape, "", std::move(source), 0, path);
  return true;
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

bool mpc::isSpecialFile(const std::string &path) {
  struct stat status;
  return !stat(path.c_str(), &status) && !S_ISREG(status.st_mode) &&
         !S_ISDIR(status.st_mode);
}

PendingFile::PendingFile(PendingFile &&other) noexcept
    : path(std::move(other.path)), temporary(std::move(other.temporary)) {
  other.temporary.clear();
}

PendingFile::~PendingFile() {
  if (!temporary.empty())
    unlink(temporary.c_str());
}

bool PendingFile::write(const std::string &target, const char *data,
                        size_t size, std::string &error) {
  path = target;
  struct stat status;
  if (!stat(target.c_str(), &status) && S_ISDIR(status.st_mode)) {
    error = path + ": cannot write: " + describeErrno(EISDIR);
    return false;
  }
  bool isSpecial = isSpecialFile(target);
  temporary = isSpecial ? "" : target + ".XXXXXX";
  int descriptor = isSpecial ? open(target.c_str(), O_WRONLY | O_CLOEXEC)
                             : mkostemp(temporary.data(), O_CLOEXEC);
  if (descriptor < 0) {
    error = path + ": cannot write: " + describeErrno(errno);
    temporary.clear();
    return false;
  }
  // mkostemp gives a file to its owner only; this one is nobody's secret.
  mode_t mask = umask(0);
  umask(mask);
  bool fine = isSpecial || !fchmod(descriptor, 0666 & ~mask);
  while (fine && size) {
    ssize_t put = ::write(descriptor, data, size);
    if (put < 0 && errno == EINTR)
      continue;
    fine = put > 0;
    if (fine) {
      data += put;
      size -= size_t(put);
    }
  }
  int number = errno;
  if (close(descriptor) && fine) {
    number = errno;
    fine = false;
  }
  if (!fine)
    error = path + ": cannot write: " + describeErrno(number);
  return fine;
}

bool PendingFile::commit(std::string &error) {
  if (!temporary.empty() && rename(temporary.c_str(), path.c_str())) {
    error = path + ": cannot write: " + describeErrno(errno);
    return false;
  }
  temporary.clear();
  return true;
}
