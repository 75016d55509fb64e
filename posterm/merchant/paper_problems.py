"""What may be wrong with a picture that is handed in as a paper."""

from __future__ import annotations

from typing import Final

from posterm.merchant.problem import kinds

_AGAIN = ("请重新拍摄并上传", "take the picture again and hand it in")
PAPER_PROBLEMS: Final = kinds(
    ("picture-size", "图片文件过大或过小", "the file has fewer than 2,000 or more than 5,000,000 bytes",
     "请上传2KB至5MB的图片", "hand in a file between those sizes"),
    ("picture-format", "图片格式不支持", "neither JPEG nor PNG",
     "请上传JPEG或PNG图片", "hand in a JPEG or PNG file"),
    ("picture-broken", "图片文件已损坏", "the file cannot be decoded", *_AGAIN),
    ("picture-pixels", "图片尺寸不符合要求", "a side has fewer than 240 or more than 8,000 points",
     "请上传边长240至8000像素的图片", "hand in a picture between those sizes"),
    ("picture-twice", "同一张图片重复上传", "the same picture was handed in for something else",
     "请为每项资料单独拍摄", "take a picture of its own for each paper"),
    ("picture-used", "图片已被其他商户使用", "another merchant has handed in this picture",
     "请在您本人的经营场所现场拍摄", "take the picture at your own place"),
    ("paper-not-wanted", "该类申请人不需要此资料", "applicants of this sort do not show this paper",
     "请勿上传此资料", "leave it out"),
    ("photo-blurred", "照片模糊", "the photo is blurred", *_AGAIN),
    ("photo-covered", "照片被遮挡或过暗", "the photo is covered or dark", *_AGAIN),
    ("photo-edited", "照片经过编辑处理", "the photo was edited",
     "请上传未经处理的原图", "hand in the picture as it was taken"),
    ("scene-not-genuine", "经营场景不真实", "the photo does not show a genuine scene",
     "请在真实经营场所现场拍摄", "take the picture at the place of business"),
)  # fmt: skip
