//===- OneDNN.cpp - Primitives of oneDNN in a race ------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// oneDNN is given what it does best with: weights in the layout that it asks
// for, reordered beforehand, the same primitive and arguments in every run, the
// C entry point without a table of arguments to build, no wait between runs,
// and for convolutions the faster one of its own layout and channels last.
//
//===----------------------------------------------------------------------===//

#include "Contestant.h"

#include <dnnl.hpp>

#include <chrono>

using namespace mpc::bench;
using namespace dnnl;
using Json = nlohmann::json;
using Tag = memory::format_tag;

namespace {

memory::data_type getType(const std::string &name) {
  using Type = memory::data_type;
  if (name == "f32")
    return Type::f32;
  if (name == "f16")
    return Type::f16;
  if (name == "bf16")
    return Type::bf16;
  if (name == "u8")
    return Type::u8;
  if (name == "s8")
    return Type::s8;
  if (name == "s32")
    return Type::s32;
  throw std::runtime_error("unknown element type: " + name);
}

/// The engine, the stream, and what the arguments of a primitive keep alive.
struct Primitive {
  engine cpu{engine::kind::cpu, 0};
  stream queue{cpu};
  primitive compiled;
  std::vector<dnnl_exec_arg_t> arguments;
  std::vector<memory> memories;
  std::vector<Buffer> buffers;
  memory result;      // as the primitive writes it
  memory::desc plain; // dense, channels last
  std::string resultType;
  std::string detail;

  /// Values of a file, in the layout `from`, as the primitive wants them.
  void addFile(int argument, const std::string &path, const memory::desc &from,
               const memory::desc &to) {
    buffers.push_back(readFile(path, from.get_size()));
    memory source(from, cpu, buffers.back().data());
    add(argument, to);
    reorder(source, memories.back()).execute(queue, source, memories.back());
    queue.wait();
  }
  void add(int argument, const memory::desc &desc) {
    // An own buffer: oneDNN's are less aligned than those of the other side.
    buffers.emplace_back(desc.get_size());
    memories.emplace_back(desc, cpu, buffers.back().data());
    arguments.push_back({argument, memories.back().get()});
  }
  void addResult(const memory::desc &desc, const memory::desc &dense) {
    add(DNNL_ARG_DST, desc);
    result = memories.back();
    plain = dense;
  }
  void run() {
    dnnl_primitive_execute(compiled.get(), queue.get(), int(arguments.size()),
                           arguments.data());
  }
};

using PrimitivePtr = std::shared_ptr<Primitive>;

primitive_attr getAttributes(const Json &spec, int scalesMask) {
  primitive_attr attributes;
  if (spec.contains("scales")) {
    Buffer file = readFile(spec["scales"]);
    auto *values = reinterpret_cast<const float *>(file.data());
    attributes.set_output_scales(
        file.size() == sizeof(float) ? 0 : scalesMask,
        std::vector<float>(values, values + file.size() / sizeof(float)));
  }
  if (spec.value("relu", false)) {
    post_ops operations;
    operations.append_eltwise(1, algorithm::eltwise_relu, 0, 0);
    attributes.set_post_ops(operations);
  }
  return attributes;
}

/// "m", "n", "k", "src", "weights", "dst": types; "scales": a file.
PrimitivePtr makeMatmul(const Json &spec) {
  auto made = std::make_shared<Primitive>();
  memory::dim m = spec.at("m"), n = spec.at("n"), k = spec.at("k");
  auto source = getType(spec.at("src")), weights = getType(spec.at("weights"));
  memory::desc a({m, k}, source, Tag::ab), b({k, n}, weights, Tag::any),
      c({m, n}, getType(spec.at("dst")), Tag::ab);
  matmul::primitive_desc desc(matmul::desc(a, b, c), getAttributes(spec, 2),
                              made->cpu);
  made->detail = desc.impl_info_str();
  made->compiled = matmul(desc);
  made->addFile(DNNL_ARG_SRC, spec.at("input"), a, desc.src_desc());
  made->addFile(DNNL_ARG_WEIGHTS, spec.at("weights_file"),
                {{k, n}, weights, Tag::ab}, desc.weights_desc());
  made->addResult(desc.dst_desc(), c);
  return made;
}

/// "n", "ic", "ih", "iw", "oc", "oh", "ow", "kh", "kw", "stride", "pad",
/// "groups"; types as above; "bias_file", "bias" its type; "scales", "relu".
PrimitivePtr makeConvolution(const Json &spec, Tag layout) {
  auto made = std::make_shared<Primitive>();
  auto get = [&](const char *key) { return spec.at(key).get<memory::dim>(); };
  memory::dim n = get("n"), ic = get("ic"), oc = get("oc"), g = get("groups"),
              stride = get("stride"), pad = get("pad");
  memory::dims x = {n, ic, get("ih"), get("iw")},
               y = {n, oc, get("oh"), get("ow")},
               w = {oc, ic / g, get("kh"), get("kw")};
  Tag plainWeights = Tag::oihw;
  if (g > 1) {
    w = {g, oc / g, ic / g, get("kh"), get("kw")};
    plainWeights = Tag::goihw;
  }
  auto source = getType(spec.at("src")), weights = getType(spec.at("weights")),
       target = getType(spec.at("dst"));
  memory::desc bias({oc}, getType(spec.at("bias")), Tag::a);
  convolution_forward::primitive_desc desc({prop_kind::forward_inference,
                                            algorithm::convolution_direct,
                                            {x, source, layout},
                                            {w, weights, Tag::any},
                                            bias,
                                            {y, target, layout},
                                            {stride, stride},
                                            {pad, pad},
                                            {pad, pad}},
                                           getAttributes(spec, 2), made->cpu);
  made->detail = std::string(desc.impl_info_str()) +
                 (layout == Tag::any ? ", own layout" : ", channels last");
  made->compiled = convolution_forward(desc);
  made->addFile(DNNL_ARG_SRC, spec.at("input"), {x, source, Tag::nhwc},
                desc.src_desc());
  made->addFile(DNNL_ARG_WEIGHTS, spec.at("weights_file"),
                {w, weights, plainWeights}, desc.weights_desc());
  made->addFile(DNNL_ARG_BIAS, spec.at("bias_file"), bias, desc.bias_desc());
  made->addResult(desc.dst_desc(), {y, target, Tag::nhwc});
  return made;
}

/// "rows", "columns": softmax and layernorm go over columns; layernorm has
/// files "scale" and "shift".
PrimitivePtr makeElementwise(const Json &spec, const std::string &kind) {
  auto made = std::make_shared<Primitive>();
  memory::desc data({spec.at("rows").get<memory::dim>(),
                     spec.at("columns").get<memory::dim>()},
                    memory::data_type::f32, Tag::ab);
  auto forward = prop_kind::forward_inference;
  auto take = [&](auto desc, auto compiled) {
    made->detail = desc.impl_info_str();
    made->compiled = compiled;
    made->addFile(DNNL_ARG_SRC, spec.at("input"), data, data);
    made->addResult(data, data);
  };
  if (kind == "softmax") {
    softmax_forward::primitive_desc desc({forward, data, 1}, made->cpu);
    take(desc, softmax_forward(desc));
  } else if (kind == "gelu") {
    eltwise_forward::primitive_desc desc(
        {forward, algorithm::eltwise_gelu_erf, data, 0, 0}, made->cpu);
    take(desc, eltwise_forward(desc));
  } else {
    layer_normalization_forward::primitive_desc desc(
        {forward, data, spec.at("epsilon").get<float>(),
         normalization_flags::use_scale | normalization_flags::use_shift},
        made->cpu);
    take(desc, layer_normalization_forward(desc));
    memory::desc row({data.dims()[1]}, memory::data_type::f32, Tag::a);
    made->addFile(DNNL_ARG_SCALE, spec.at("scale"), row, row);
    made->addFile(DNNL_ARG_SHIFT, spec.at("shift"), row, row);
  }
  return made;
}

/// Seconds of the fastest of some runs.
double getTime(Primitive &primitive) {
  double best = 1e9;
  for (int i = 0; i < 6; ++i) {
    auto start = std::chrono::steady_clock::now();
    primitive.run();
    primitive.queue.wait();
    best = std::min(best, std::chrono::duration<double>(
                              std::chrono::steady_clock::now() - start)
                              .count());
  }
  return best;
}

PrimitivePtr make(const Json &spec) {
  auto kind = spec.at("onednn").get<std::string>();
  if (kind == "matmul")
    return makeMatmul(spec);
  if (kind != "conv")
    return makeElementwise(spec, kind);
  PrimitivePtr own = makeConvolution(spec, Tag::any),
               last = makeConvolution(spec, Tag::nhwc);
  return getTime(*own) < getTime(*last) ? own : last;
}

} // namespace

Contestant mpc::bench::openOneDNN(const Json &spec) {
  PrimitivePtr made = make(spec);
  made->resultType = spec.value("dst", "f32");
  Contestant contestant;
  contestant.run = [made] { made->run(); };
  contestant.finish = [made] { made->queue.wait(); };
  contestant.result = [made] {
    Buffer dense(made->plain.get_size());
    memory to(made->plain, made->cpu, dense.data());
    reorder(made->result, to).execute(made->queue, made->result, to);
    made->queue.wait();
    return toNumbers(dense.data(), dense.size(), made->resultType);
  };
  contestant.detail = made->detail;
  return contestant;
}

std::string mpc::bench::getOneDNNVersion() {
  const version_t *version = dnnl::version();
  return std::to_string(version->major) + "." + std::to_string(version->minor) +
         "." + std::to_string(version->patch);
}
