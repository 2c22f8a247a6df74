"""A short command line of every command that makes a picture, a model or a clip."""

QUICK = ["--precision", "float32", "--threads", "1"]
PAINT = ["--size", "32", "--iterations", "2", *QUICK]
MAKING = {
    "optimize": ["optimize", "photo.png", "style.png", *PAINT],
    "reconstruct": ["reconstruct", "photo.png", "--content", "relu2_1", *PAINT],
    "train": ["train", "--style", "style.png", "--dataset", "photos", "--steps", "2", "--width",
              "2", "--size", "32", "--batch-size", "1", *QUICK],
    "apply": ["apply", "net.pt", "photos", "--all-styles", "-o", "out/", *QUICK],
    "texture": ["texture", "brick.pt", "--size", "32", *QUICK],
    "blend": ["blend", "net.pt", "photo.png", "--style", "monet", *QUICK],
    "video": ["video", "net.pt", "clip.gif", "--style", "monet", "--engine", "torch",
              "--smooth", "0", "-o", "out.gif", *QUICK],
}  # fmt: skip
