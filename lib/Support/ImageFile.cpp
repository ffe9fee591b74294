//===- ImageFile.cpp - pictures as samples --------------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/Support/ImageFile.h"
#include "ByteSource.h"
#include "Paths.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <jpeglib.h>

#include <jerror.h>
#include <png.h>

using namespace mpc;

/// No decoded picture is larger: what a file claims is not believed blindly.
static constexpr int64_t kMaxPixels = int64_t(1) << 28;

//===----------------------------------------------------------------------===//
// Decoding
//===----------------------------------------------------------------------===//
//
// Both libraries report errors by a callback that must not return. They get one
// that jumps back; what is freed or filled across the jump lives outside.

namespace {
struct JpegError {
  jpeg_error_mgr manager; // first: libjpeg knows only this member
  jmp_buf back;
  char text[JMSG_LENGTH_MAX];
};

struct PngError {
  jmp_buf back;
  char text[200];
};

struct PngBytes {
  const char *data;
  size_t left;
};
} // namespace

static void failJpeg(j_common_ptr info) {
  auto *error = reinterpret_cast<JpegError *>(info->err);
  info->err->format_message(info, error->text);
  longjmp(error->back, 1);
}

static void failPng(png_structp png, png_const_charp text) {
  auto *error = static_cast<PngError *>(png_get_error_ptr(png));
  std::snprintf(error->text, sizeof(error->text), "%s", text);
  longjmp(error->back, 1);
}

static void readPng(png_structp png, png_bytep out, size_t count) {
  auto *bytes = static_cast<PngBytes *>(png_get_io_ptr(png));
  if (count > bytes->left)
    png_error(png, "the file ends early");
  std::memcpy(out, bytes->data, count);
  bytes->data += count;
  bytes->left -= count;
}

static bool isReasonable(int64_t height, int64_t width) {
  return height > 0 && width > 0 && height <= kMaxPixels / width;
}

static bool decodeJpeg(const std::vector<char> &bytes, Image &image,
                       char *problem, size_t size) {
  jpeg_decompress_struct info = {};
  JpegError error;
  info.err = jpeg_std_error(&error.manager);
  error.manager.error_exit = failJpeg;
  // Libjpeg warns of damage and makes up what is missing.
  error.manager.emit_message = [](j_common_ptr common, int level) {
    int code = common->err->msg_code;
    if (level < 0 && (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER))
      failJpeg(common);
  };
  if (setjmp(error.back)) {
    std::snprintf(problem, size, "%s", error.text);
    jpeg_destroy_decompress(&info);
    return false;
  }
  jpeg_create_decompress(&info);
  jpeg_mem_src(&info, reinterpret_cast<const unsigned char *>(bytes.data()),
               bytes.size());
  jpeg_read_header(&info, TRUE);
  if (!isReasonable(info.image_height, info.image_width) ||
      info.num_components > 3) {
    std::snprintf(problem, size,
                  "expected grey or RGB of at most %lld pixels, but got %u x "
                  "%u of %d components",
                  (long long)kMaxPixels, info.image_height, info.image_width,
                  info.num_components);
    jpeg_destroy_decompress(&info);
    return false;
  }
  info.out_color_space = JCS_RGB;
  jpeg_start_decompress(&info);
  image.height = info.output_height;
  image.width = info.output_width;
  image.pixels.resize(size_t(image.height * image.width * 3));
  while (info.output_scanline < info.output_height) {
    JSAMPROW row = image.pixels.data() +
                   size_t(info.output_scanline) * size_t(image.width) * 3;
    jpeg_read_scanlines(&info, &row, 1);
  }
  jpeg_finish_decompress(&info);
  jpeg_destroy_decompress(&info);
  return true;
}

static bool decodePng(const std::vector<char> &bytes, Image &image,
                      std::vector<png_bytep> &rows, char *problem,
                      size_t size) {
  PngError error;
  PngBytes source = {bytes.data(), bytes.size()};
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &error,
                                           failPng, [](auto...) {});
  png_infop info = png ? png_create_info_struct(png) : nullptr;
  if (!info) {
    png_destroy_read_struct(&png, nullptr, nullptr);
    std::snprintf(problem, size, "libpng does not start");
    return false;
  }
  if (setjmp(error.back)) {
    std::snprintf(problem, size, "%s", error.text);
    png_destroy_read_struct(&png, &info, nullptr);
    return false;
  }
  png_set_read_fn(png, &source, readPng);
  png_read_info(png, info);
  image.height = png_get_image_height(png, info);
  image.width = png_get_image_width(png, info);
  if (!isReasonable(image.height, image.width))
    png_error(png, "the picture is too large");
  png_set_expand(png);
  png_set_strip_16(png);
  png_set_strip_alpha(png);
  png_set_gray_to_rgb(png);
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
  if (png_get_rowbytes(png, info) != size_t(image.width) * 3)
    png_error(png, "expected grey or RGB");
  image.pixels.resize(size_t(image.height * image.width * 3));
  rows.resize(size_t(image.height));
  for (size_t y = 0; y < rows.size(); ++y)
    rows[y] = image.pixels.data() + y * size_t(image.width) * 3;
  png_read_image(png, rows.data());
  png_read_end(png, nullptr);
  png_destroy_read_struct(&png, &info, nullptr);
  return true;
}

bool mpc::readImage(const std::string &path, int64_t channels, Image &image,
                    std::string &error) {
  std::shared_ptr<ByteSource> file = openFile(path, error);
  if (!file)
    return false;
  std::vector<char> bytes(size_t(file->size()));
  if (!file->read(0, file->size(), bytes.data(), error))
    return false;
  // The contents say what a file is: endings are often wrong.
  char problem[300] = "expected a JPEG or PNG file";
  std::vector<png_bytep> rows;
  bool isJpeg = bytes.size() > 2 && !std::memcmp(bytes.data(), "\xff\xd8", 2);
  bool isPng =
      bytes.size() > 8 && !std::memcmp(bytes.data(), "\x89PNG\r\n\x1a\n", 8);
  bool isFine = isJpeg ? decodeJpeg(bytes, image, problem, sizeof(problem))
                : isPng
                    ? decodePng(bytes, image, rows, problem, sizeof(problem))
                    : false;
  if (!isFine) {
    error = path + ": cannot decode: " + problem;
    return false;
  }
  image.channels = 3;
  if (channels == 1) {
    // In 16 bits, with the factors that Pillow has.
    for (size_t i = 0, n = image.pixels.size() / 3; i < n; ++i) {
      const uint8_t *pixel = image.pixels.data() + 3 * i;
      image.pixels[i] = uint8_t((pixel[0] * 19595u + pixel[1] * 38470u +
                                 pixel[2] * 7471u + 0x8000u) >>
                                16);
    }
    image.pixels.resize(image.pixels.size() / 3);
    image.channels = 1;
  }
  return true;
}

//===----------------------------------------------------------------------===//
// Resizing
//===----------------------------------------------------------------------===//

/// Resizes the middle one of three dimensions [outer, from, inner] to `to`, of
/// which [start, start + count) is kept.
static std::vector<uint8_t> resizeDimension(const std::vector<uint8_t> &pixels,
                                            int64_t outer, int64_t from,
                                            int64_t inner, int64_t to,
                                            int64_t start, int64_t count) {
  std::vector<uint8_t> result(size_t(outer * count * inner));
  double scale = double(from) / double(to), reach = std::max(scale, 1.0);
  std::vector<double> weights, sums(size_t(inner), 0.0);
  for (int64_t i = 0; i < count; ++i) {
    double center = (double(start + i) + 0.5) * scale;
    int64_t first = std::max<int64_t>(0, int64_t(center - reach + 0.5));
    int64_t last = std::min(from, int64_t(center + reach + 0.5));
    weights.clear();
    double total = 0;
    for (int64_t x = first; x < last; ++x) {
      double distance = std::abs((double(x) + 0.5 - center) / reach);
      weights.push_back(std::max(0.0, 1 - distance));
      total += weights.back();
    }
    for (int64_t o = 0; o < outer; ++o) {
      std::fill(sums.begin(), sums.end(), 0.0);
      for (int64_t x = first; x < last; ++x) {
        double weight = weights[size_t(x - first)] / total;
        const uint8_t *row = pixels.data() + (o * from + x) * inner;
        for (int64_t c = 0; c < inner; ++c)
          sums[size_t(c)] += weight * row[c];
      }
      uint8_t *out = result.data() + (o * count + i) * inner;
      for (int64_t c = 0; c < inner; ++c)
        out[c] = uint8_t(sums[size_t(c)] + 0.5);
    }
  }
  return result;
}

Image mpc::coverImage(const Image &image, int64_t height, int64_t width) {
  // The side that fits is exact; the other is cut to whole pixels.
  bool byHeight = image.width * height >= image.height * width;
  int64_t newHeight = byHeight ? height : image.height * width / image.width;
  int64_t newWidth = byHeight ? image.width * height / image.height : width;
  auto middle = [](int64_t rest) {
    return rest / 2 + (rest % 2 && rest / 2 % 2); // halves to even
  };
  Image result = {height, width, image.channels, {}};
  result.pixels =
      resizeDimension(image.pixels, image.height, image.width, image.channels,
                      newWidth, middle(newWidth - width), width);
  result.pixels =
      resizeDimension(result.pixels, 1, image.height, width * image.channels,
                      newHeight, middle(newHeight - height), height);
  return result;
}

//===----------------------------------------------------------------------===//
// Samples
//===----------------------------------------------------------------------===//

bool mpc::isImageName(const std::string &path) {
  size_t dot = path.rfind('.');
  if (dot == std::string::npos)
    return false;
  std::string ending = path.substr(dot);
  for (char &c : ending)
    c = char(std::tolower(static_cast<unsigned char>(c)));
  return ending == ".jpg" || ending == ".jpeg" || ending == ".png";
}

/// The pictures that a path names, with the path.
static bool listImages(const std::string &path, std::vector<std::string> &files,
                       std::string &error) {
  if (!isFolder(path)) {
    if (isImageName(path))
      files.push_back(path);
    return true;
  }
  std::vector<std::string> names;
  if (!listFolder(path, names, error))
    return false;
  for (const std::string &name : names)
    if (isImageName(name))
      files.push_back(path + "/" + name);
  return true;
}

bool mpc::holdsImages(const std::string &path) {
  std::vector<std::string> files;
  std::string error;
  return listImages(path, files, error) && !files.empty();
}

namespace {
/// Pictures one after the other; the last one that was read is kept.
class ImageSource : public ByteSource {
public:
  ImageSource(std::vector<std::string> files, int64_t height, int64_t width,
              int64_t channels, bool channelsLast)
      : files(std::move(files)), height(height), width(width),
        channels(channels), channelsLast(channelsLast) {
    numBytes = int64_t(this->files.size()) * imageBytes();
  }

  bool read(int64_t offset, int64_t count, char *out,
            std::string &error) const override {
    while (count > 0) {
      int64_t index = offset / imageBytes(), at = offset % imageBytes();
      int64_t part = std::min(count, imageBytes() - at);
      if (index != current && !decode(index, error))
        return false;
      std::memcpy(out, pixels.data() + at, size_t(part));
      out += part;
      offset += part;
      count -= part;
    }
    return true;
  }

private:
  int64_t imageBytes() const { return height * width * channels; }

  bool decode(int64_t index, std::string &error) const {
    Image image;
    current = -1;
    if (!readImage(files[size_t(index)], channels, image, error))
      return false;
    image = coverImage(image, height, width);
    pixels = std::move(image.pixels);
    if (!channelsLast && channels > 1) {
      std::vector<uint8_t> planes(pixels.size());
      for (int64_t i = 0, n = height * width; i < n; ++i)
        for (int64_t c = 0; c < channels; ++c)
          planes[size_t(c * n + i)] = pixels[size_t(i * channels + c)];
      pixels = std::move(planes);
    }
    current = index;
    return true;
  }

  std::vector<std::string> files;
  int64_t height, width, channels;
  bool channelsLast;
  mutable int64_t current = -1;
  mutable std::vector<uint8_t> pixels;
};
} // namespace

bool mpc::openImages(const std::string &path, ElementType type,
                     const Shape &shape, TensorReaders &readers,
                     std::string &error) {
  std::vector<std::string> files;
  if (!listImages(path, files, error))
    return false;
  if (files.empty()) {
    error = path + ": expected files .jpg or .png, but there is none";
    return false;
  }
  auto isCount = [](int64_t size) { return size == 1 || size == 3; };
  bool isPicture =
      shape.size() == 4 && shape[0] <= 1 && type == ElementType::U8;
  bool channelsLast = isPicture && isCount(shape[3]);
  if (!isPicture || !(channelsLast || isCount(shape[1]))) {
    error = path +
            ": pictures are for an input of u8 pixels, height x width x 3 "
            "(or 1), one a sample, but the model reads " +
            elementTypeName(type) + " " + shapeToString(shape) +
            "; mpc-compile --preprocess makes such an input";
    return false;
  }
  int64_t height = shape[channelsLast ? 1 : 2];
  int64_t width = shape[channelsLast ? 2 : 3];
  int64_t channels = shape[channelsLast ? 3 : 1];
  Shape all = shape;
  all[0] = int64_t(files.size());
  readers.emplace_back(ElementType::U8, all, "",
                       std::make_shared<ImageSource>(std::move(files), height,
                                                     width, channels,
                                                     channelsLast),
                       0, path);
  return true;
}
