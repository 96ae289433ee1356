import sys
from pathlib import Path

import cv2

# Tools that prepare data fork before they use OpenCV's threads; tests share a process, where a child would wait for them for ever.
cv2.setNumThreads(1)

sys.path.insert(0, str(Path(__file__).parent))
