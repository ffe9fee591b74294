//===- Decisions.cpp - what was measured and chosen, as a file ------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Decisions.h"
#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mpc/Dialect/MPC/MPCDialect.h"
#include "mpc/Transforms/IntegerFormats.h"
#include "mpc/Transforms/SeenRanges.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace mlir;
using namespace mpc;

static constexpr int64_t kVersion = 1;

/// Names come from models: bytes that are no UTF-8 are replaced.
static std::string toText(StringRef text) { return llvm::json::fixUTF8(text); }

Decisions Decisions::gather(ModuleOp annotated, const Calibration *calibration,
                            StringRef precision) {
  Decisions decisions;
  if (auto hash = annotated->getAttrOfType<StringAttr>(kModelHashAttrName))
    decisions.modelHash = hash.str();
  decisions.precision = precision.str();
  decisions.integers = getIntegerFormat(annotated);
  for (const IntegerKey &key : getIntegerKeys())
    if (std::string &word = decisions.integers.*key.member; word.empty())
      word = key.values.front().str();
  decisions.fullyIntegral = annotated->hasAttr(kFullyIntegralAttrName);
  if (calibration)
    decisions.calibration = calibration->str();
  for (auto function : annotated.getOps<func::FuncOp>())
    for (auto group : function.getOps<GroupOp>())
      if (auto chosen = group.getPrecision()) {
        decisions.groups.push_back({toText(group.getName()),
                                    stringifyPrecision(*chosen).str(),
                                    toText(group.getReason().value_or("")),
                                    {}});
        for (NamedAttribute attribute : group->getDiscardableAttrs())
          if (attribute.getName() != kRangesAttrName &&
              attribute.getName() !=
                  kSeenAttrName) // follow from the calibration
            llvm::raw_string_ostream(
                decisions.groups.back().attributes[attribute.getName().str()])
                << attribute.getValue();
      }
  return decisions;
}

std::string Decisions::str() const {
  llvm::json::Array rows;
  for (const Group &group : groups) {
    llvm::json::Object row{{"name", group.name},
                           {"precision", group.precision},
                           {"reason", group.reason}};
    if (!group.attributes.empty()) {
      llvm::json::Object attributes;
      for (auto &[name, value] : group.attributes)
        attributes[name] = value;
      row["attributes"] = std::move(attributes);
    }
    rows.push_back(std::move(row));
  }
  llvm::json::Object object{{"version", kVersion},
                            {"model_hash", modelHash},
                            {"precision", precision},
                            {"groups", std::move(rows)},
                            {"repairs", repairs}};
  llvm::json::Object format{{"fully_integral", fullyIntegral}};
  for (const IntegerKey &key : getIntegerKeys())
    format[key.key] = integers.*key.member;
  object["integers"] = std::move(format);
  if (!calibration.empty())
    object["calibration"] = calibration;
  if (search)
    object["search"] = search->toJSON();
  std::string text;
  llvm::raw_string_ostream os(text);
  os << llvm::formatv("{0:1}", llvm::json::Value(std::move(object))) << "\n";
  return text;
}

FailureOr<Decisions> Decisions::load(Location loc, const std::string &path) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/true);
  if (std::error_code error = buffer.getError())
    return emitError(loc) << "--decisions: " << path << ": " << error.message(),
           failure();
  auto parsed = llvm::json::parse((*buffer)->getBuffer());
  if (!parsed)
    return emitError(loc)
               << "--decisions: " << path << ": "
               << StringRef(llvm::toString(parsed.takeError())).trim(),
           failure();
  const llvm::json::Object *object = parsed->getAsObject();
  auto version = object ? object->getInteger("version") : std::nullopt;
  const llvm::json::Array *rows = object ? object->getArray("groups") : nullptr;
  if (version != kVersion || !rows)
    return emitError(loc) << "--decisions: " << path
                          << ": expected an object with version " << kVersion
                          << " and groups, as --save-decisions writes it",
           failure();
  Decisions decisions;
  decisions.modelHash = object->getString("model_hash").value_or("").str();
  decisions.precision = object->getString("precision").value_or("").str();
  decisions.calibration = object->getString("calibration").value_or("").str();
  if (const llvm::json::Object *format = object->getObject("integers")) {
    for (const IntegerKey &key : getIntegerKeys())
      decisions.integers.*key.member =
          format->getString(key.key).value_or("").str();
    decisions.fullyIntegral =
        format->getBoolean("fully_integral").value_or(false);
  }
  if (std::string problem = findProblem(decisions.integers); !problem.empty())
    return emitError(loc) << "--decisions: " << path
                          << ": integers: " << problem,
           failure();
  if (const llvm::json::Value *repairs = object->get("repairs"))
    decisions.repairs = *repairs;
  if (const llvm::json::Value *search = object->get("search"))
    decisions.search = SearchResult::fromJSON(*search);
  for (auto [index, row] : llvm::enumerate(*rows)) {
    const llvm::json::Object *entry = row.getAsObject();
    auto name = entry ? entry->getString("name") : std::nullopt,
         precision = entry ? entry->getString("precision") : std::nullopt;
    if (!name || !precision || !symbolizePrecision(*precision))
      return emitError(loc) << "--decisions: " << path << ": groups[" << index
                            << "]: expected a name and a precision",
             failure();
    decisions.groups.push_back({name->str(),
                                precision->str(),
                                entry->getString("reason").value_or("").str(),
                                {}});
    if (const llvm::json::Object *attributes = entry->getObject("attributes"))
      for (auto &[key, value] : *attributes)
        decisions.groups.back().attributes[key.str()] =
            value.getAsString().value_or("").str();
  }
  return decisions;
}

LogicalResult Decisions::apply(ModuleOp module, StringRef path) const {
  Location loc = UnknownLoc::get(module.getContext());
  if (failed(
          setIntegerFormat(module, integers, ("--decisions: " + path).str())))
    return failure();
  if (fullyIntegral)
    module->setAttr(kFullyIntegralAttrName, UnitAttr::get(module.getContext()));
  llvm::StringMap<const Group *> byName;
  SmallVector<StringRef> names;
  for (const Group &group : groups) {
    byName[group.name] = &group;
    names.push_back(group.name);
  }
  size_t used = 0;
  for (auto function : module.getOps<func::FuncOp>())
    for (auto op : function.getOps<GroupOp>()) {
      std::string name = toText(op.getName());
      const Group *group = byName.lookup(name);
      if (!group) {
        std::string nearest = listNearest(name, names, 1);
        return emitError(loc)
               << "--decisions: " << path << " does not name the group '"
               << name << "'"
               << (nearest.empty() ? "" : ", nearest is " + nearest)
               << "; the model was compiled with other options then";
      }
      op.setPrecision(*symbolizePrecision(group->precision));
      op.setReason(StringRef(group->reason));
      for (auto &[key, value] : group->attributes) {
        Attribute attribute = value.empty()
                                  ? Attribute()
                                  : parseAttribute(value, module.getContext());
        if (!attribute)
          return emitError(loc) << "--decisions: " << path << ": group '"
                                << name << "': expected an attribute as " << key
                                << ", but got '" << value << "'";
        op->setAttr(key, attribute);
      }
      ++used;
    }
  if (used != groups.size())
    return emitError(loc) << "--decisions: " << path << " names "
                          << groups.size() << " groups, but the model has "
                          << used
                          << "; it was compiled with other options then";
  return success();
}
