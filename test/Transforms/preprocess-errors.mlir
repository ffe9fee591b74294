// Each line: a configuration, and what is said about it.
// RUN: %python %S/Inputs/preprocess-errors.py %s %t

// {"x": {"maen": 1}} | input 'x': unknown key 'maen', expected one of type, layout, {{.*}}; did you mean 'mean'?
// {"y": {"type": "u8"}} | no input is named 'y'; there are x, image, n
// {"imag": {"type": "u8"}} | no input is named 'imag'; there are x, image, n; did you mean 'image'?
// {"x": {"mean": [1, 2]}} | input 'x': expected mean to have 1 number, or 3, one per channel, but got 2
// {"x": {"std": [1, 2, 3, 4]}} | input 'x': expected std to have 1 number, or 3, one per channel, but got 4
// {"x": {"std": [1, 0, 1]}} | input 'x': expected std to be greater than 0, but got [1,0,1]
// {"x": {"mean": "a"}} | input 'x': expected mean to be a number or an array of numbers, but got "a"
// {"x": {"type": "u7"}} | input 'x': expected type to be one of u8, i8, u16, i16, f16, bf16, f32, but got "u7"
// {"x": {"scale": "1/0"}} | input 'x': expected scale to be other than 0 and finite
// {"x": {"crop": 16}} | input 'x': expected size beside crop
// {"x": {"size": 0}} | input 'x': expected size to be a number of pixels or [height, width], but got 0
// {"x": {"size": [20, 20]}} | input 'x': expected pictures of 16x16 (height x width), {{.*}}, but size, resize and crop give 20x20
// {"x": {"size": 20, "resize": 10, "crop": 16}} | input 'x': expected a crop inside of the picture, but got 16x16 of 10x10
// {"image": {"color": "bgr"}} | input 'image': color bgr needs three channels
// {"n": {"layout": "nhwc"}} | input 'n': expected an input of four dimensions for layout
// {"n": {"scale": 2}} | input 'n': scale, mean and std need an input of floating-point type
// {"x": {"std": 1e-300}} | input 'x': scale, mean and std give factors that are not finite in f32
// {"x": 1} | input 'x': expected an object with some of
// [] | expected an object with the name of an input
// {"x" | expected JSON, but
func.func @main(%x: tensor<1x3x16x16xf32> {mpc.name = "x"}, %i: tensor<1x1x8x8xf32> {mpc.name = "image"}, %n: tensor<2xi64> {mpc.name = "n"}) -> tensor<1x3x16x16xf32> {
  return %x : tensor<1x3x16x16xf32>
}
