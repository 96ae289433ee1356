package org.portrait.sample

import android.Manifest
import android.graphics.BitmapFactory
import android.os.Bundle
import android.widget.FrameLayout
import android.widget.TextView
import androidx.activity.ComponentActivity
import androidx.activity.result.contract.ActivityResultContracts
import androidx.camera.core.CameraSelector
import androidx.camera.core.ImageAnalysis
import androidx.camera.core.ImageProxy
import androidx.camera.lifecycle.ProcessCameraProvider
import androidx.core.content.ContextCompat
import java.io.IOException
import java.util.concurrent.Executors
import org.portrait.Frame
import org.portrait.Portrait
import org.portrait.PortraitException
import org.portrait.PortraitView
import org.portrait.Session

/** The bundled portrait, moved by the front camera. */
class SampleActivity : ComponentActivity() {
    /** Takes the camera's frames. */
    private val worker = Executors.newSingleThreadExecutor()
    private lateinit var view: PortraitView
    private lateinit var words: TextView
    private var portrait: Portrait? = null

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        view = PortraitView(this)
        view.setFailureListener { words.text = it.message }
        words = TextView(this)
        setContentView(FrameLayout(this).apply {
            addView(view)
            addView(words)
        })
        val permission = registerForActivityResult(ActivityResultContracts.RequestPermission()) { granted ->
            if (granted) open() else words.text = "The camera may not be used: allow it in Settings."
        }
        permission.launch(Manifest.permission.CAMERA)
    }

    private fun open() {
        val photo = try {
            assets.open("astronaut.png").use(BitmapFactory::decodeStream)
        } catch (error: IOException) {
            words.text = "An asset of this app cannot be read: ${error.message}"
            return
        }
        // The camera's 640 × 480, upright.
        val options = Session.Options(frameWidth = 480, frameHeight = 640, pictureSide = 512, pictures = false)
        portrait = Portrait.open(this, photo, options, object : Portrait.Listener {
            override fun progress(done: Float, next: String) {
                words.text = if (done < 1) "$next … ${(100 * done).toInt()} %" else ""
            }

            override fun ready(session: Session) {
                view.session = session
                startCamera(session)
            }

            override fun failed(why: Exception) {
                words.text = why.message
            }
        })
    }

    private fun startCamera(session: Session) {
        val analysis = ImageAnalysis.Builder().setBackpressureStrategy(ImageAnalysis.STRATEGY_KEEP_ONLY_LATEST).build()
        analysis.setAnalyzer(worker) { image -> image.use { push(session, it) } }
        val provider = ProcessCameraProvider.getInstance(this)
        provider.addListener({
            try {
                provider.get().bindToLifecycle(this, CameraSelector.DEFAULT_FRONT_CAMERA, analysis)
            } catch (error: IllegalArgumentException) {
                words.text = "This device has no front camera."
            }
        }, ContextCompat.getMainExecutor(this))
    }

    /** The frame as the sensor gives it, copied by the call; the GPU turns, mirrors and converts it. */
    private fun push(session: Session, image: ImageProxy) {
        val (y, u, v) = image.planes
        val frame = Frame.yuv420(
            y.buffer, y.rowStride, u.buffer, v.buffer, u.rowStride, u.pixelStride, image.width, image.height,
        )
        frame.rotation = image.imageInfo.rotationDegrees
        frame.mirrored = true
        frame.timestamp = image.imageInfo.timestamp
        try {
            session.push(frame)
        } catch (error: PortraitException) {
            runOnUiThread { words.text = error.message }
        }
    }

    override fun onDestroy() {
        view.session = null
        portrait?.close()
        worker.shutdown()
        super.onDestroy()
    }
}
