//===- TilingTable.cpp - tilings that were measured -----------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/Codegen/Tilings.h"
#include "mpc/Support/Version.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace mlir;
using namespace mpc;

/// Of the form of the file.
static constexpr int64_t kFormat = 1;

TilingTable::TilingTable() : version(MPC_VERSION_STRING) {}

bool TilingTable::isCurrent() const { return version == MPC_VERSION_STRING; }

llvm::Expected<TilingTable> TilingTable::load(StringRef path) {
  auto fail = [&](const Twine &what) {
    return llvm::createStringError(path + ": " + what);
  };
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/true);
  if (std::error_code error = buffer.getError())
    return fail(error.message());
  auto parsed = llvm::json::parse((*buffer)->getBuffer());
  if (!parsed)
    return fail(StringRef(llvm::toString(parsed.takeError())).trim());
  const llvm::json::Object *object = parsed->getAsObject();
  std::optional<StringRef> version =
      object ? object->getString("version") : std::nullopt;
  const llvm::json::Array *rows =
      object ? object->getArray("tilings") : nullptr;
  if (!version || !rows || object->getInteger("format") != kFormat)
    return fail("expected a table of tilings, an object with 'format' 1, "
                "'version' and 'tilings', as mpc-compile --tune writes it");
  TilingTable table;
  table.version = version->str();
  for (auto [index, value] : llvm::enumerate(*rows)) {
    const llvm::json::Object *row = value.getAsObject();
    auto get = [&](StringRef key) -> std::optional<StringRef> {
      return row ? row->getString(key) : std::nullopt;
    };
    auto march = get("march"), contraction = get("contraction"),
         tiling = get("tiling");
    if (!march || !contraction || !tiling)
      return fail("tilings[" + Twine(index) +
                  "]: expected 'march', 'contraction' and 'tiling', strings");
    table.set(*march, *contraction,
              {tiling->str(), row->getNumber("ms").value_or(0),
               row->getNumber("default_ms").value_or(0)});
  }
  return table;
}

std::string TilingTable::str() const {
  llvm::json::Array rows;
  for (const auto &[key, entry] : entries)
    rows.push_back(llvm::json::Object{{"march", key.first},
                                      {"contraction", key.second},
                                      {"tiling", entry.tiling},
                                      {"ms", entry.ms},
                                      {"default_ms", entry.defaultMs}});
  llvm::json::Object object{
      {"format", kFormat}, {"version", version}, {"tilings", std::move(rows)}};
  return llvm::formatv("{0:1}\n", llvm::json::Value(std::move(object))).str();
}

bool TilingTable::hasMarch(StringRef march) const {
  return llvm::any_of(
      entries, [&](const auto &entry) { return entry.first.first == march; });
}

const TilingTable::Entry *TilingTable::find(StringRef march,
                                            StringRef contraction) const {
  auto found = entries.find({march.str(), contraction.str()});
  return found == entries.end() ? nullptr : &found->second;
}

void TilingTable::set(StringRef march, StringRef contraction, Entry entry) {
  entries[{march.str(), contraction.str()}] = std::move(entry);
}

kernel::TilingAttr mpc::findTiling(const TilingTable &table,
                                   const TargetDescription &target,
                                   const TilingChoice &choice) {
  const TilingTable::Entry *entry = table.find(target.march, choice.getName());
  if (!entry)
    return {};
  for (kernel::TilingAttr candidate : choice.candidates)
    if (llvm::formatv("{0}", Attribute(candidate)).str() == entry->tiling)
      return candidate;
  return {};
}
